//! The order of a response's fields is that of the selection, as the specification demands. Fields are resolved side by
//! side, and each is put into its object when it is done: what had to wait comes last.

use async_graphql::{
    Name, Value,
    indexmap::IndexMap,
    parser::types::{ExecutableDocument, OperationDefinition, Selection, SelectionSet},
};

/// The keys of an object in the order of its selection, each with the order of what is selected below it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Order(IndexMap<Name, Order>);

impl Order {
    /// Reads the order off an operation of a document that was checked: its fragments exist and do not use themselves.
    pub fn of(document: &ExecutableDocument, operation: &OperationDefinition) -> Self {
        let mut order = Self::default();
        order.collect(document, &operation.selection_set.node);
        order
    }

    /// Puts a value and everything in it in this order.
    pub fn apply(&self, value: &mut Value) {
        match value {
            Value::List(items) => items.iter_mut().for_each(|item| self.apply(item)),
            // An object without a selection is a scalar.
            Value::Object(fields) if !self.0.is_empty() => {
                self.sort(fields);
                for (key, field) in fields {
                    if let Some(order) = self.0.get(key) {
                        order.apply(field);
                    }
                }
            }
            _ => {}
        }
    }

    /// Keys that are missing were skipped, or belong to another type than the object's.
    fn sort(&self, fields: &mut IndexMap<Name, Value>) {
        let mut expected = self.0.keys();
        if fields.keys().all(|key| expected.any(|other| other == key)) {
            return;
        }
        let mut unsorted = std::mem::take(fields);
        for key in self.0.keys() {
            fields.extend(unsorted.swap_remove_entry(key));
        }
        fields.extend(unsorted);
    }

    /// A key that occurs again stays where it was first. Fragments on different types are read one after the other: only
    /// the type that an object turns out to have decides, and its own keys keep their order.
    fn collect(&mut self, document: &ExecutableDocument, selections: &SelectionSet) {
        for selection in &selections.items {
            match &selection.node {
                Selection::Field(field) => {
                    let key = field.node.response_key().node.clone();
                    let below = self.0.entry(key).or_default();
                    below.collect(document, &field.node.selection_set.node);
                }
                Selection::InlineFragment(inline) => self.collect(document, &inline.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                        self.collect(document, &fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{parser::parse_query, value};

    use super::*;

    #[test]
    fn data_takes_the_order_of_the_selection_at_every_depth() {
        let text = "query($no: Boolean!) { b: x { y } ...F skipped @include(if: $no) { id } ... { a c } b: x { z } }
            fragment F on Query { d e { list { m ... on Video { n } o } } }";
        let document = parse_query(text).expect("good");
        let (_, operation) = document.operations.iter().next().expect("one");
        let order = Order::of(&document, &operation.node);
        let item = value!({ "o": 1, "m": { "scalar": 1, "kept": 2 } });
        let mut data = value!({
            "a": 1, "b": { "z": 1, "y": 2 }, "c": 3, "d": 4,
            "e": { "list": [item, { "n": 2, "m": 1 }, null] },
        });
        order.apply(&mut data);
        let written = serde_json::to_string(&data).expect("JSON");
        let first = r#"{"m":{"scalar":1,"kept":2},"o":1}"#;
        let e = format!(r#"{{"list":[{first},{{"m":1,"n":2}},null]}}"#);
        assert_eq!(written, format!(r#"{{"b":{{"y":2,"z":1}},"d":4,"e":{e},"a":1,"c":3}}"#));
        let mut nothing = Value::Null;
        order.apply(&mut nothing);
        assert_eq!(nothing, Value::Null);
    }
}
