//! Refuses the root fields of plugins that are switched off. Where none is, it is not there at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_graphql::{
    ServerResult, Value,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo},
};
use kernel::error::Failure;
use schema::kit::{access::Access, error::graphql_error};

use crate::{codes, plugins};

/// Root fields by their type and name, with the plugin whose they are.
type Owners = BTreeMap<(&'static str, String), &'static str>;

/// The root fields that have no answer.
#[derive(Clone)]
pub struct OffFields(Arc<Owners>);

impl OffFields {
    /// Those of these plugins; none where all work.
    pub fn of(off: &BTreeSet<&'static str>) -> Option<Self> {
        if off.is_empty() {
            return None;
        }
        let mut owners = Owners::new();
        for root in ["Query", "Mutation", "Subscription"] {
            for (owner, fields) in plugins::root_fields(root) {
                if off.contains(owner) {
                    owners.extend(fields.into_iter().map(|field| ((root, field), owner)));
                }
            }
        }
        Some(Self(Arc::new(owners)))
    }
}

impl ExtensionFactory for OffFields {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(self.clone())
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for OffFields {
    async fn resolve(
        &self,
        cx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        // Who may ask nothing learns nothing of what is switched off either.
        let is_nobody = matches!(cx.data_opt::<Access>(), None | Some(Access::Anonymous));
        if info.path_node.parent.is_some() || is_nobody {
            return next.run(cx, info).await;
        }
        let owners = &self.0;
        let owner = ["Query", "Mutation", "Subscription"]
            .into_iter()
            .filter(|root| *root == info.parent_type)
            .find_map(|root| owners.get(&(root, info.name.to_owned())));
        let Some(plugin) = owner else {
            return next.run(cx, info).await;
        };
        let message = format!(
            "the plugin `{plugin}` is switched off, so `{}` has no answer",
            info.name
        );
        let error = graphql_error(Failure::new(&codes::PLUGIN_OFF, message));
        Err(error.into_server_error(info.field.name.pos))
    }
}
