//! THE list of plugins. Everything that must know them all is made from it here.

use std::{collections::BTreeSet, sync::Arc};

use async_graphql::{
    Data, MergedObject, MergedSubscription, OutputType, SchemaBuilder, SubscriptionType, registry::Registry,
};
use axum::Router;
use kernel::{
    config::Config,
    plugin::{Kernel, Plugin},
    setting::{self, Setting},
};

/// The composed GraphQL schema.
pub type Graphql = async_graphql::Schema<Query, Mutation, Subscription>;

/// The composed schema while it is being built.
pub type GraphqlBuilder = SchemaBuilder<Query, Mutation, Subscription>;

macro_rules! plugins {
    ($($(#[$cfg:meta])* $name:ident: $plugin:ty,)+) => {
        /// All queries: the core's and each plugin's.
        #[derive(MergedObject, Default)]
        pub struct Query(schema::Query, $($(#[$cfg])* <$plugin as schema::kit::surface::Surface>::Query),+);

        /// All mutations.
        #[derive(MergedObject, Default)]
        pub struct Mutation(schema::Mutation, $($(#[$cfg])* <$plugin as schema::kit::surface::Surface>::Mutation),+);

        /// All subscriptions.
        #[derive(MergedSubscription, Default)]
        pub struct Subscription(schema::Subscription, $($(#[$cfg])* <$plugin as schema::kit::surface::Surface>::Subscription),+);

        /// The fields of one root (`Query`, `Mutation` or `Subscription`) by owner: the core and each plugin. Merging
        /// drops a second field of the same name without a word, so a test demands that these sets are disjoint.
        pub fn root_fields(root: &str) -> Vec<(&'static str, Vec<String>)> {
            match root {
                "Query" => vec![
                    ("core", object_fields::<schema::Query>()),
                    $($(#[$cfg])* (stringify!($name), object_fields::<<$plugin as schema::kit::surface::Surface>::Query>()),)+
                ],
                "Mutation" => vec![
                    ("core", object_fields::<schema::Mutation>()),
                    $($(#[$cfg])* (stringify!($name), object_fields::<<$plugin as schema::kit::surface::Surface>::Mutation>()),)+
                ],
                _ => vec![
                    ("core", subscription_fields::<schema::Subscription>()),
                    $($(#[$cfg])* (stringify!($name), subscription_fields::<<$plugin as schema::kit::surface::Surface>::Subscription>()),)+
                ],
            }
        }

        /// The plugins of this server.
        #[derive(Clone)]
        pub struct Plugins {
            $($(#[$cfg])* $name: Arc<$plugin>,)+
            off: Arc<BTreeSet<&'static str>>,
        }

        #[allow(unused_variables, unused_mut, dead_code, reason = "without any plugin there is nothing to do with them")]
        impl Plugins {
            /// The names of the plugins that this program was built with: their config sections and URL prefixes.
            pub const NAMES: &'static [&'static str] = &[$($(#[$cfg])* stringify!($name)),+];

            /// Wires each plugin with its section of the settings. One that is switched off is there with its tables and
            /// its names, and lends nothing to others.
            pub fn new(kernel: &Kernel, config: &Config) -> anyhow::Result<Self> {
                Self::check(config)?;
                let mut off = BTreeSet::new();
                Ok(Self {
                    $($(#[$cfg])* $name: {
                        let name = stringify!($name);
                        let started = match config.is_enabled(name)? {
                            true => <$plugin as Plugin>::new(kernel, config.plugin_section(name)?),
                            false => {
                                off.insert(name);
                                let alone = Kernel { parts: kernel.parts.detached(), ..kernel.clone() };
                                <$plugin as Plugin>::new(&alone, Default::default())
                            }
                        };
                        anyhow::Context::context(started, concat!("starting the plugin `", stringify!($name), "`"))?
                    },)+
                    off: Arc::new(off),
                })
            }

            /// Whether each plugin's section of the settings can be read and means something.
            pub fn check(config: &Config) -> anyhow::Result<()> {
                $($(#[$cfg])* Self::check_section::<$plugin>(config, stringify!($name))?;)+
                Ok(())
            }

            /// The same of one plugin.
            pub fn check_of(config: &Config, plugin: &str) -> anyhow::Result<()> {
                $($(#[$cfg])* if plugin == stringify!($name) {
                    return Self::check_section::<$plugin>(config, plugin);
                })+
                Ok(())
            }

            fn check_section<P: Plugin>(config: &Config, name: &str) -> anyhow::Result<()> {
                // What is wrong with a plugin that is switched off keeps nobody from starting.
                if config.is_enabled(name)? {
                    setting::check(config, &setting::describe::<P::Config>(name))?;
                    P::check(&config.plugin_section(name)?)?;
                }
                Ok(())
            }

            /// The settings of all plugins.
            pub fn settings() -> Vec<Setting> {
                let mut all = Vec::new();
                $($(#[$cfg])* {
                    all.push(setting::enabled(stringify!($name)));
                    all.extend(setting::describe::<<$plugin as Plugin>::Config>(stringify!($name)));
                })+
                all
            }

            /// Which plugins are switched off.
            pub fn off(&self) -> &BTreeSet<&'static str> {
                &self.off
            }

            /// The plugins that work.
            pub fn working(&self) -> Vec<Arc<dyn Plugin>> {
                let mut all = self.all();
                all.retain(|plugin| !self.off.contains(plugin.name()));
                all
            }

            /// Each plugin as what it does, in the order of the list.
            pub fn all(&self) -> Vec<Arc<dyn Plugin>> {
                let all: [Arc<dyn Plugin>; Self::NAMES.len()] = [$($(#[$cfg])* self.$name.clone()),+];
                all.into()
            }

            /// Puts each plugin into the schema's data, where its resolvers find it as `Arc<P>`.
            pub fn attach(&self, mut builder: GraphqlBuilder) -> GraphqlBuilder {
                $($(#[$cfg])* {
                    builder = builder.data(Arc::clone(&self.$name));
                })+
                builder
            }

            /// Puts each plugin's loaders, and what it offers by contract, into one request's data.
            pub fn loaders(&self, kernel: &Kernel, data: &mut Data) {
                $($(#[$cfg])* if !self.off.contains(stringify!($name)) {
                    schema::kit::surface::Surface::loaders(&*self.$name, kernel, data);
                })+
            }

            /// Each plugin's byte routes, at `/p/<name>`.
            pub fn routes(&self, kernel: &Kernel) -> Router {
                let mut router = Router::new();
                $($(#[$cfg])* if !self.off.contains(stringify!($name)) {
                    let routes = schema::kit::surface::Surface::routes(Arc::clone(&self.$name), kernel);
                    router = router.nest(concat!("/p/", stringify!($name)), routes);
                })+
                router
            }

            /// Each plugin's routes at paths of their own, which must know who asks.
            pub fn account_routes(&self, kernel: &Kernel) -> Router {
                let mut router = Router::new();
                $($(#[$cfg])* if !self.off.contains(stringify!($name)) {
                    router = router.merge(schema::kit::surface::Surface::account_routes(Arc::clone(&self.$name), kernel));
                })+
                router
            }
        }
    };
}

fn object_fields<T: OutputType>() -> Vec<String> {
    let mut registry = Registry::default();
    T::create_type_info(&mut registry);
    fields_of(&registry, &T::type_name())
}

fn subscription_fields<T: SubscriptionType>() -> Vec<String> {
    let mut registry = Registry::default();
    T::create_type_info(&mut registry);
    fields_of(&registry, &T::type_name())
}

fn fields_of(registry: &Registry, name: &str) -> Vec<String> {
    let fields = registry.types.get(name).and_then(|found| found.fields());
    fields.into_iter().flat_map(|fields| fields.keys().cloned()).collect()
}

plugins! {
    #[cfg(feature = "capture")]
    capture: plugin_capture::Capture,
    #[cfg(feature = "clips")]
    clips: plugin_clips::Clips,
    #[cfg(feature = "organize")]
    organize: plugin_organize::Organize,
    #[cfg(feature = "pictures")]
    pictures: plugin_pictures::Pictures,
    #[cfg(feature = "scan")]
    scan: plugin_scan::Scan,
    #[cfg(feature = "similar")]
    similar: plugin_similar::Similar,
    #[cfg(feature = "stream")]
    stream: plugin_stream::Stream,
    #[cfg(feature = "subtitles")]
    subtitles: plugin_subtitles::Subtitles,
    #[cfg(feature = "trash")]
    trash: plugin_trash::Trash,
    #[cfg(feature = "upload")]
    upload: plugin_upload::Upload,
    #[cfg(feature = "backup")]
    backup: plugin_backup::Backup,
}
