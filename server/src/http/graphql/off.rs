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

/// The plugins whose root fields they are, by the root's type and the field's name.
type Owners = BTreeMap<&'static str, BTreeMap<String, &'static str>>;

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
                    let known = owners.entry(root).or_default();
                    known.extend(fields.into_iter().map(|field| (field, owner)));
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
        let owner = self.0.get(info.parent_type).and_then(|owners| owners.get(info.name));
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
