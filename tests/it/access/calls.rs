//! The SDL as calls: an operation for each root field, with the arguments that it needs and all that it can select.

use std::collections::BTreeMap;

use async_graphql::{
    Positioned,
    parser::{
        parse_schema,
        types::{
            BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition,
        },
    },
};

/// The SDL's types, and how to write a call of each root field.
pub struct Calls {
    types: BTreeMap<String, TypeDefinition>,
    /// Stands wherever an id is asked for, needed or not; without it only needed ids are filled, by one of nothing.
    id: Option<String>,
}

impl Calls {
    /// Reads the SDL.
    pub fn read() -> anyhow::Result<Self> {
        let document = parse_schema(server::compose::sdl())?;
        let types = document
            .definitions
            .into_iter()
            .filter_map(|definition| match definition {
                TypeSystemDefinition::Type(found) => Some((found.node.name.node.to_string(), found.node)),
                _ => None,
            });
        Ok(Self {
            types: types.collect(),
            id: None,
        })
    }

    /// The same with this id everywhere.
    pub fn with_id(self, id: &str) -> Self {
        Self {
            id: Some(id.to_owned()),
            ..self
        }
    }

    /// Each field of a root type with an operation that calls it.
    pub fn of(&self, root: &str) -> Vec<(String, String)> {
        let plain = |_: &str| vec!["__typename".to_owned()];
        self.with_selections(root, plain)
    }

    /// The same with operations that select everything below, two steps deep: several for each field, for all of it at once
    /// is too much to ask.
    pub fn in_depth(&self, root: &str) -> Vec<(String, String)> {
        self.with_selections(root, |type_name| self.selections(type_name))
    }

    fn with_selections(&self, root: &str, selections: impl Fn(&str) -> Vec<String>) -> Vec<(String, String)> {
        let Some(TypeKind::Object(object)) = self.types.get(root).map(|found| &found.kind) else {
            return Vec::new();
        };
        let keyword = root.to_lowercase();
        let calls = |field: &FieldDefinition| -> Vec<(String, String)> {
            let (name, called) = (field.name.node.to_string(), self.called(field));
            if self.is_leaf(&field.ty.node) {
                return vec![(name, format!("{keyword} {{ {called} }}"))];
            }
            let selections = selections(&base(&field.ty.node)).into_iter();
            let call = |selection| (name.clone(), format!("{keyword} {{ {called} {{ {selection} }} }}"));
            selections.map(call).collect()
        };
        object.fields.iter().flat_map(|field| calls(&field.node)).collect()
    }

    /// A field with the arguments that it needs, and a short page where it has pages.
    fn called(&self, field: &FieldDefinition) -> String {
        let argument = |argument: &InputValueDefinition| match argument.name.node.as_str() {
            "first" => Some("first: 5".to_owned()),
            _ => self.argument(argument),
        };
        let arguments = field.arguments.iter().filter_map(|given| argument(&given.node));
        let arguments: Vec<_> = arguments.collect();
        match arguments.is_empty() {
            true => field.name.node.to_string(),
            false => format!("{}({})", field.name.node, arguments.join(", ")),
        }
    }

    fn is_leaf(&self, ty: &Type) -> bool {
        !matches!(
            self.types.get(&base(ty)).map(|found| &found.kind),
            Some(TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union(_))
        )
    }

    /// The object types that a value of a type may have.
    fn objects(&self, type_name: &str) -> Vec<(&str, &[Positioned<FieldDefinition>])> {
        match self.types.get(type_name).map(|found| &found.kind) {
            Some(TypeKind::Object(object)) => {
                let name = self
                    .types
                    .get_key_value(type_name)
                    .map_or("", |(name, _)| name.as_str());
                vec![(name, &object.fields[..])]
            }
            Some(TypeKind::Union(union)) => {
                let members = union.members.iter();
                members.flat_map(|member| self.objects(member.node.as_str())).collect()
            }
            Some(TypeKind::Interface(_)) => {
                let implements = |kind: &TypeKind| match kind {
                    TypeKind::Object(object) => object.implements.iter().any(|of| of.node == type_name),
                    _ => false,
                };
                let names = self.types.iter().filter(|(_, found)| implements(&found.kind));
                names.flat_map(|(name, _)| self.objects(name)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// All values of a type that are no objects.
    fn leaves(&self, type_name: &str) -> String {
        let of_object = |(name, fields): (&str, &[Positioned<FieldDefinition>])| {
            let leaves = fields.iter().filter(|field| self.is_leaf(&field.node.ty.node));
            let leaves: Vec<String> = leaves.map(|field| self.called(&field.node)).collect();
            format!("... on {name} {{ __typename {} }}", leaves.join(" "))
        };
        let all: Vec<String> = self.objects(type_name).into_iter().map(of_object).collect();
        all.join(" ")
    }

    /// What is selected of a type: its leaves, and with each of its objects the leaves of that and of what is in it.
    fn selections(&self, type_name: &str) -> Vec<String> {
        let mut all = vec![self.leaves(type_name)];
        for (object, fields) in self.objects(type_name) {
            let objects = fields.iter().filter(|field| !self.is_leaf(&field.node.ty.node));
            // The nodes of a connection are its edges' once more.
            for field in objects.filter(|field| field.node.name.node != "edges") {
                let (called, below) = (self.called(&field.node), base(&field.node.ty.node));
                for inner in self.inner(&below) {
                    all.push(format!("... on {object} {{ {called} {{ {inner} }} }}"));
                }
            }
        }
        all
    }

    fn inner(&self, type_name: &str) -> Vec<String> {
        let leaves = self.leaves(type_name);
        let mut all = Vec::new();
        for (object, fields) in self.objects(type_name) {
            let objects = fields.iter().filter(|field| !self.is_leaf(&field.node.ty.node));
            for field in objects.filter(|field| field.node.name.node != "edges") {
                let below = self.leaves(&base(&field.node.ty.node));
                all.push(format!(
                    "{leaves} ... on {object} {{ {} {{ {below} }} }}",
                    self.called(&field.node)
                ));
            }
        }
        if all.is_empty() { vec![leaves] } else { all }
    }

    fn argument(&self, argument: &InputValueDefinition) -> Option<String> {
        let needed = !argument.ty.node.nullable && argument.default_value.is_none();
        let is_id = self.id.is_some() && base(&argument.ty.node) == "ID";
        (needed || is_id).then(|| format!("{}: {}", argument.name.node, self.literal(&argument.ty.node)))
    }

    fn literal(&self, ty: &Type) -> String {
        let name = match &ty.base {
            BaseType::Named(name) => name,
            BaseType::List(inner) if self.id.is_some() && base(inner) == "ID" => {
                return format!("[{}]", self.literal(inner));
            }
            BaseType::List(_) => return "[]".to_owned(),
        };
        match self.types.get(name.as_str()).map(|found| &found.kind) {
            Some(TypeKind::InputObject(input)) => {
                let fields: Vec<_> = input
                    .fields
                    .iter()
                    .filter_map(|field| self.argument(&field.node))
                    .collect();
                format!("{{ {} }}", fields.join(", "))
            }
            Some(TypeKind::Enum(found)) => found
                .values
                .first()
                .map_or_else(String::new, |value| value.node.value.to_string()),
            _ if ["Int", "Float", "Seconds", "Bytes"].contains(&name.as_str()) => "1".to_owned(),
            _ if name == "Boolean" => "true".to_owned(),
            _ if name == "ID" => format!("\"{}\"", self.id.as_deref().unwrap_or("nothing")),
            _ => "\"nothing\"".to_owned(),
        }
    }
}

fn base(ty: &Type) -> String {
    match &ty.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(inner) => base(inner),
    }
}
