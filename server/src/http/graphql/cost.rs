//! What an operation costs, from the schema's text alone: a page counts by its size, wherever it stands.
//!
//! The library's own calculation leaves out fields that are selected on an interface, so the pages nested in `Media`
//! would count as one each.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Value as ConstValue, Variables,
    parser::{
        parse_schema,
        types::{
            BaseType, ExecutableDocument, Field, FieldDefinition, OperationDefinition, OperationType, Selection,
            SelectionSet, Type, TypeKind, TypeSystemDefinition,
        },
    },
};
use kernel::error::Failure;
use schema::limits;

use crate::codes;

struct FieldFact {
    type_name: String,
    is_page: bool,
}

/// Which fields are pages, and what they lead to.
pub struct Costs {
    types: HashMap<String, HashMap<String, FieldFact>>,
}

impl Costs {
    /// Reads a schema's SDL.
    pub fn new(sdl: &str) -> Self {
        // A schema that cannot be read back leaves the library's calculation.
        let definitions = match parse_schema(sdl) {
            Ok(document) => document.definitions,
            Err(error) => {
                tracing::error!(%error, "the schema's own text cannot be read; nested pages are not counted");
                Vec::new()
            }
        };
        let mut types = HashMap::new();
        for definition in definitions {
            let TypeSystemDefinition::Type(definition) = definition else {
                continue;
            };
            let fields = match definition.node.kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                _ => continue,
            };
            types.insert(
                definition.node.name.node.to_string(),
                fields.into_iter().map(fact).collect(),
            );
        }
        Self { types }
    }

    /// Refuses an operation that costs more than is allowed.
    pub fn check(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: &Variables,
    ) -> Result<(), Failure> {
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        let mut count = Count {
            costs: self,
            document,
            operation,
            variables,
            fragments: HashMap::new(),
        };
        let cost = count.set(&operation.selection_set.node, root);
        if cost > limits::COMPLEXITY {
            let message = format!(
                "the operation costs {cost} and may cost {}; ask for smaller pages, or for fewer within each other",
                limits::COMPLEXITY
            );
            return Err(Failure::new(&codes::QUERY_TOO_LARGE, message));
        }
        Ok(())
    }
}

impl Costs {
    /// Whether all fields of a checked operation are allowed, by the names of their types and their own.
    pub fn selects_only(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        is_allowed: fn(&str, &str) -> bool,
    ) -> bool {
        self.has_only(document, &operation.selection_set.node, "Query", is_allowed)
    }

    fn has_only(
        &self,
        document: &ExecutableDocument,
        set: &SelectionSet,
        type_name: &str,
        is_allowed: fn(&str, &str) -> bool,
    ) -> bool {
        set.items.iter().all(|selection| match &selection.node {
            Selection::Field(field) => {
                let (name, below) = (field.node.name.node.as_str(), &field.node.selection_set.node);
                if name == "__typename" {
                    return true;
                }
                let fact = self.types.get(type_name).and_then(|fields| fields.get(name));
                is_allowed(type_name, name)
                    && fact.is_some_and(|fact| self.has_only(document, below, &fact.type_name, is_allowed))
            }
            Selection::InlineFragment(inline) => {
                let condition = inline.node.type_condition.as_ref();
                let type_name = condition.map_or(type_name, |condition| condition.node.on.node.as_str());
                self.has_only(document, &inline.node.selection_set.node, type_name, is_allowed)
            }
            Selection::FragmentSpread(spread) => {
                let fragment = document.fragments.get(&spread.node.fragment_name.node);
                fragment.is_some_and(|fragment| {
                    let on = fragment.node.type_condition.node.on.node.as_str();
                    self.has_only(document, &fragment.node.selection_set.node, on, is_allowed)
                })
            }
        })
    }
}

fn fact(field: Positioned<FieldDefinition>) -> (String, FieldFact) {
    let field = field.node;
    let is_page = field
        .arguments
        .iter()
        .any(|argument| argument.node.name.node == "first");
    (
        field.name.node.to_string(),
        FieldFact {
            type_name: base_name(&field.ty.node).to_owned(),
            is_page,
        },
    )
}

fn base_name(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(inner) => base_name(inner),
    }
}

struct Count<'a> {
    costs: &'a Costs,
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
    /// Each is counted once. The document was checked for fragments that contain themselves.
    fragments: HashMap<&'a str, usize>,
}

impl<'a> Count<'a> {
    fn set(&mut self, set: &'a SelectionSet, type_name: &str) -> usize {
        set.items
            .iter()
            .map(|selection| self.selection(&selection.node, type_name))
            .fold(0, usize::saturating_add)
    }

    fn selection(&mut self, selection: &'a Selection, type_name: &str) -> usize {
        match selection {
            Selection::Field(field) => self.field(&field.node, type_name),
            Selection::InlineFragment(inline) => {
                let condition = inline.node.type_condition.as_ref();
                let type_name = condition.map_or(type_name, |condition| condition.node.on.node.as_str());
                self.set(&inline.node.selection_set.node, type_name)
            }
            Selection::FragmentSpread(spread) => {
                let found = self.document.fragments.get_key_value(&spread.node.fragment_name.node);
                let Some((name, fragment)) = found else { return 0 };
                if let Some(cost) = self.fragments.get(name.as_str()) {
                    return *cost;
                }
                let on = fragment.node.type_condition.node.on.node.as_str();
                let cost = self.set(&fragment.node.selection_set.node, on);
                self.fragments.insert(name.as_str(), cost);
                cost
            }
        }
    }

    fn field(&mut self, field: &'a Field, type_name: &str) -> usize {
        let fact = self
            .costs
            .types
            .get(type_name)
            .and_then(|fields| fields.get(field.name.node.as_str()));
        let below = fact.map_or("", |fact| fact.type_name.as_str());
        let children = self.set(&field.selection_set.node, below);
        if fact.is_some_and(|fact| fact.is_page) {
            let cost = limits::page_cost(
                self.size(field, "first"),
                self.size(field, "last"),
                children.min(1 << 40),
            );
            return cost;
        }
        children.saturating_add(1)
    }

    /// The page size that an argument asks for, through variables and their defaults.
    fn size(&self, field: &Field, argument: &str) -> Option<i32> {
        let value = field.get_argument(argument)?.node.clone();
        let known = |name: Name| {
            self.variables
                .get(&name)
                .or_else(|| self.default(&name))
                .cloned()
                .ok_or(())
        };
        match value.into_const_with(known).ok()? {
            ConstValue::Number(number) => number.as_i64().map(clamp),
            _ => None,
        }
    }

    fn default(&self, name: &Name) -> Option<&ConstValue> {
        let definitions = &self.operation.variable_definitions;
        let definition = definitions
            .iter()
            .find(|definition| definition.node.name.node == *name)?;
        definition.node.default_value.as_ref().map(|value| &value.node)
    }
}

/// The largest page bounds the cost of one; what asks for more is refused where it is resolved.
fn clamp(size: i64) -> i32 {
    size.clamp(0, limits::PAGE_OF_IDS as i64) as i32
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::graphql::document::Document;

    const SDL: &str = "type Query { media(first: Int): Page! } type Page { nodes: [Media!]! } \
        interface Media { id: ID! tags(first: Int): TagPage! } type TagPage { nodes: [Tag!]! } \
        type Tag { name: String! media(first: Int): Page! }";

    fn check(text: &str, variables: serde_json::Value) -> Result<(), Failure> {
        let document = Document::parse(text.to_owned()).expect("a document");
        let operation = document.operation(None).expect("one operation");
        Costs::new(SDL).check(&document.parsed, operation, &Variables::from_json(variables))
    }

    #[test]
    fn pages_within_pages_count_on_interfaces_and_through_variables_too() {
        let page = "query($n: Int) { media(first: $n) { nodes { id tags(first: 20) { nodes { name } } } } }";
        assert!(check(page, json!({ "n": 200 })).is_ok());
        let nested = "query($n: Int = 200) { media(first: 200) { nodes { tags(first: $n) { nodes { media(first: $n) \
            { nodes { ...m } } } } } } } fragment m on Media { tags(first: 100) { nodes { name } } }";
        assert!(check(nested, json!({ "n": 1 })).is_ok());
        assert_eq!(
            check(nested, json!({})).expect_err("too large").code.name,
            "QUERY_TOO_LARGE"
        );
        assert_eq!(
            check(nested, json!({ "n": 200 })).expect_err("too large").code.name,
            "QUERY_TOO_LARGE"
        );
    }
}
