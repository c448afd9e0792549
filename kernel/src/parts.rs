//! Parts that the server lends to plugins and that the kernel itself must not know, such as the media engine.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

/// One shared value for each type. Clones are handles to the same ones.
#[derive(Clone, Default)]
pub struct Parts {
    held: Arc<RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>,
}

impl Parts {
    /// Lends a value; a later one of the same type takes its place.
    pub fn insert<T: Send + Sync + 'static>(&self, part: Arc<T>) {
        self.held
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(TypeId::of::<T>(), part);
    }

    /// A copy whose later loans reach nobody else.
    pub fn detached(&self) -> Self {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner).clone();
        Self {
            held: Arc::new(RwLock::new(held)),
        }
    }

    /// The value of this type, if this process has one: `kernel.parts.get::<Engine>()`.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(held.get(&TypeId::of::<T>())?).downcast().ok()
    }

    /// The value of this type; `make` makes it if there is none. It must not ask for parts itself.
    pub fn get_or_make<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> Arc<T>) -> Arc<T> {
        if let Some(part) = self.get() {
            return part;
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let part = held.entry(TypeId::of::<T>()).or_insert_with(|| make());
        Arc::clone(part).downcast().expect("a part is held under its own type")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_by_its_type_through_any_clone() {
        let parts = Parts::default();
        parts.clone().insert(Arc::new(7_u32));
        assert_eq!(parts.get::<u32>().as_deref(), Some(&7));
        assert!(parts.get::<u64>().is_none());
        let detached = parts.detached();
        detached.insert(Arc::new(9_u64));
        assert_eq!(detached.get::<u32>().as_deref(), Some(&7));
        assert!(parts.get::<u64>().is_none());
    }
}
