//! Documents: checked, parsed, measured, and kept by hash, so that a known one costs a look-up.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use async_graphql::{
    Name, Positioned,
    parser::{
        parse_query,
        types::{
            DocumentOperations, ExecutableDocument, FragmentDefinition, OperationDefinition, OperationType, Selection,
            SelectionSet,
        },
    },
};
use kernel::error::Failure;
use sha2::{Digest, Sha256};

use super::{cost::Costs, kept, lexer};
use crate::codes;

/// The deepest selection of an operation that does not ask for the schema itself.
const DEPTH: usize = 12;
/// The most selections of a document with all fragments written out. Fragments that use fragments grow exponentially,
/// and validation visits every one.
const SELECTIONS: usize = 10_000;
/// How often a selection may name the same field: each time is looked at, though the answer has it once.
const REPEATED: usize = 100;
/// Documents in each of the two generations that are kept.
const N_KEPT: usize = 1_000;
/// Bytes of text in each generation.
const BYTES_KEPT: usize = 4 * 1024 * 1024;

/// A document that may be executed.
#[derive(Debug)]
pub struct Document {
    /// Its text.
    pub text: String,
    /// Its syntax tree.
    pub parsed: ExecutableDocument,
    /// The names of the operations whose answers may be kept; one without a name is empty.
    keepable: OnceLock<HashSet<String>>,
}

/// What can be said of an operation without the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Selections, with all fragments written out.
    n_selections: usize,
    /// The deepest field below this selection; `__schema` and `__type` do not count.
    depth: usize,
    /// Whether nothing is selected but `__typename`, `__schema` and `__type`.
    is_meta: bool,
}

impl Document {
    /// Checks and parses a text. Everything that follows may take time proportional to its size.
    pub fn parse(text: String) -> Result<Self, Failure> {
        lexer::check(&text)?;
        let parsed = parse_query(&text).map_err(|error| {
            // The parser quotes the line that it stopped at, however long it is.
            let said: String = error.to_string().chars().take(300).collect();
            Failure::new(
                &codes::GRAPHQL_PARSE_FAILED,
                format!("the document is not GraphQL: {said}"),
            )
        })?;
        let document = Self {
            text,
            parsed,
            keepable: OnceLock::new(),
        };
        let mut measurer = Measurer::new(&document.parsed);
        let mut n_selections = 0_usize;
        for (_, operation) in document.parsed.operations.iter() {
            let measure = measurer.operation(&operation.node)?;
            n_selections = n_selections.saturating_add(measure.n_selections);
            if n_selections > SELECTIONS {
                let message = format!("a document may have {SELECTIONS} selections with its fragments written out");
                return Err(Failure::new(&codes::QUERY_TOO_LARGE, message));
            }
            if measure.depth > DEPTH {
                let message = format!(
                    "an operation may be {DEPTH} fields deep; this one has {}",
                    measure.depth
                );
                return Err(Failure::new(&codes::QUERY_TOO_LARGE, message));
            }
        }
        Ok(document)
    }

    /// The operation of this name, or the only one.
    pub fn operation(&self, name: Option<&str>) -> Result<&OperationDefinition, Failure> {
        let mut all = self.parsed.operations.iter();
        let found = match name {
            Some(name) => all.find(|(own, _)| own.is_some_and(|own| own.as_str() == name)),
            None => all.next().filter(|_| all.next().is_none()),
        };
        found.map(|(_, operation)| &operation.node).ok_or_else(|| {
            let message = match name {
                Some(name) => format!(
                    "the document has no operation `{}`",
                    name.chars().take(64).collect::<String>()
                ),
                None => "the document has several operations; say which with `operationName`".to_owned(),
            };
            Failure::new(&codes::GRAPHQL_VALIDATION_FAILED, message)
        })
    }

    /// What an operation is called: the name it was asked for by, or its own where the document has only one.
    pub fn name<'a>(&'a self, asked: Option<&'a str>) -> Option<&'a str> {
        let mut all = self.parsed.operations.iter();
        asked.or_else(|| {
            let (own, _) = all.next().filter(|_| all.next().is_none())?;
            Some(own?.as_str())
        })
    }

    /// Whether the answer to an operation may be kept.
    pub fn is_keepable(&self, asked: Option<&str>, costs: &Costs) -> bool {
        let keepable = self.keepable.get_or_init(|| {
            let all = self.parsed.operations.iter();
            let of_rows = all.filter(|(_, operation)| {
                operation.node.ty == OperationType::Query
                    && costs.selects_only(&self.parsed, &operation.node, kept::is_of_rows)
            });
            of_rows
                .map(|(name, _)| name.map(Name::to_string).unwrap_or_default())
                .collect()
        });
        keepable.contains(self.name(asked).unwrap_or_default())
    }

    /// The syntax tree with one operation of several, and without the fragments that only the others use.
    ///
    /// async-graphql reckons the cost of every operation of a document with the variables of the one that is executed,
    /// and refuses a document whose other operations have variables of their own.
    pub fn alone(&self, operation: Option<&str>) -> ExecutableDocument {
        let (DocumentOperations::Multiple(all), Some(name)) = (&self.parsed.operations, operation) else {
            return self.parsed.clone();
        };
        let mut used = HashSet::new();
        let mut foreign = HashSet::new();
        for (own, other) in all {
            let seen = if own.as_str() == name { &mut used } else { &mut foreign };
            spread(&other.node.selection_set.node, &self.parsed.fragments, seen);
        }
        let mut alone = self.parsed.clone();
        if let DocumentOperations::Multiple(all) = &mut alone.operations {
            all.retain(|own, _| own.as_str() == name);
        }
        alone
            .fragments
            .retain(|own, _| used.contains(own.as_str()) || !foreign.contains(own.as_str()));
        alone
    }

    /// Whether an operation selects nothing but what the specification itself defines.
    pub fn is_meta(&self, operation: &OperationDefinition) -> bool {
        Measurer::new(&self.parsed)
            .operation(operation)
            .is_ok_and(|measure| measure.is_meta)
    }
}

/// The fragments that a selection uses, directly and through other fragments.
fn spread<'a>(
    set: &'a SelectionSet,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    seen: &mut HashSet<&'a str>,
) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => spread(&field.node.selection_set.node, fragments, seen),
            Selection::InlineFragment(inline) => spread(&inline.node.selection_set.node, fragments, seen),
            Selection::FragmentSpread(found) => {
                let name = found.node.fragment_name.node.as_str();
                if let (true, Some(fragment)) = (seen.insert(name), fragments.get(name)) {
                    spread(&fragment.node.selection_set.node, fragments, seen);
                }
            }
        }
    }
}

struct Measurer<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    /// `None` while a fragment is being measured: meeting it again is a cycle.
    known: HashMap<&'a str, Option<Measure>>,
}

impl<'a> Measurer<'a> {
    fn new(document: &'a ExecutableDocument) -> Self {
        Self {
            fragments: &document.fragments,
            known: HashMap::new(),
        }
    }

    fn operation(&mut self, operation: &'a OperationDefinition) -> Result<Measure, Failure> {
        self.set(&operation.selection_set.node)
    }

    fn set(&mut self, set: &'a SelectionSet) -> Result<Measure, Failure> {
        let mut sum = Measure {
            n_selections: 0,
            depth: 0,
            is_meta: true,
        };
        let mut named: HashMap<&str, usize> = HashMap::new();
        for selection in &set.items {
            let measure = match &selection.node {
                Selection::Field(field) => {
                    let n_named = named.entry(field.node.response_key().node.as_str()).or_default();
                    *n_named += 1;
                    if *n_named > REPEATED {
                        let message = format!("a selection may name the same field {REPEATED} times");
                        return Err(Failure::new(&codes::QUERY_TOO_LARGE, message));
                    }
                    let below = self.set(&field.node.selection_set.node)?;
                    let name = field.node.name.node.as_str();
                    let asks_schema = matches!(name, "__schema" | "__type");
                    Measure {
                        n_selections: below.n_selections.saturating_add(1),
                        depth: if asks_schema { 1 } else { below.depth + 1 },
                        is_meta: asks_schema || name == "__typename",
                    }
                }
                Selection::FragmentSpread(spread) => self.fragment(spread.node.fragment_name.node.as_str())?,
                Selection::InlineFragment(inline) => self.set(&inline.node.selection_set.node)?,
            };
            sum = Measure {
                n_selections: sum.n_selections.saturating_add(measure.n_selections).saturating_add(1),
                depth: sum.depth.max(measure.depth),
                is_meta: sum.is_meta && measure.is_meta,
            };
        }
        Ok(sum)
    }

    fn fragment(&mut self, name: &str) -> Result<Measure, Failure> {
        // An unknown fragment is the validation's to report.
        let nothing = Measure {
            n_selections: 1,
            depth: 0,
            is_meta: false,
        };
        let Some((name, fragment)) = self.fragments.get_key_value(name) else {
            return Ok(nothing);
        };
        match self.known.get(name.as_str()) {
            Some(Some(measure)) => return Ok(*measure),
            Some(None) => {
                let message = format!("the fragment `{name}` contains itself");
                return Err(Failure::new(&codes::GRAPHQL_VALIDATION_FAILED, message));
            }
            None => {}
        }
        self.known.insert(name.as_str(), None);
        let measure = self.set(&fragment.node.selection_set.node)?;
        self.known.insert(name.as_str(), Some(measure));
        Ok(measure)
    }
}

/// The SHA-256 of a text: the name of a persisted document.
pub fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[derive(Default)]
struct Generations {
    young: HashMap<[u8; 32], Arc<Document>>,
    young_bytes: usize,
    old: HashMap<[u8; 32], Arc<Document>>,
}

/// The documents that were used lately, bounded in number and bytes. When the young generation is full it becomes the
/// old one and the old one goes; what is used again is young again.
#[derive(Default)]
pub struct Documents {
    kept: Mutex<Generations>,
}

impl Documents {
    /// The document of this hash, if it was used lately.
    pub fn get(&self, hash: &[u8; 32]) -> Option<Arc<Document>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(document) = kept.young.get(hash) {
            return Some(Arc::clone(document));
        }
        let document = kept.old.remove(hash)?;
        kept.insert(*hash, Arc::clone(&document));
        Some(document)
    }

    /// Keeps a document under the hash of its text.
    pub fn keep(&self, hash: [u8; 32], document: Arc<Document>) {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(hash, document);
    }
}

impl Generations {
    fn insert(&mut self, hash: [u8; 32], document: Arc<Document>) {
        if self.young.len() >= N_KEPT || self.young_bytes + document.text.len() > BYTES_KEPT {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += document.text.len();
        if let Some(previous) = self.young.insert(hash, document) {
            self.young_bytes -= previous.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn refused(text: &str) -> &'static str {
        Document::parse(text.to_owned()).expect_err("refused").code.name
    }

    #[test]
    fn fragments_that_grow_exponentially_or_contain_themselves_are_refused_at_once() {
        let mut text = "{ ...f0 } ".to_owned();
        for n in 0..20 {
            let spreads = format!("...f{} ", n + 1).repeat(20);
            text.push_str(&format!("fragment f{n} on Query {{ {spreads} }} "));
        }
        text.push_str("fragment f20 on Query { a }");
        let begun = Instant::now();
        assert_eq!(refused(&text), "QUERY_TOO_LARGE");
        assert!(begun.elapsed().as_millis() < 500, "{:?}", begun.elapsed());
        assert_eq!(
            refused("{ ...a } fragment a on Q { ...b } fragment b on Q { c { ...a } }"),
            "GRAPHQL_VALIDATION_FAILED"
        );
        assert_eq!(
            refused(&format!("{} a {}", "{ a ".repeat(13), "}".repeat(13))),
            "QUERY_TOO_LARGE"
        );
        assert_eq!(
            refused(&format!("{{ {} }}", "__typename ".repeat(101))),
            "QUERY_TOO_LARGE"
        );
        assert_eq!(refused("{"), "GRAPHQL_PARSE_FAILED");
    }

    #[test]
    fn a_document_is_known_by_what_it_selects() {
        let is_meta = |text: &str| {
            let document = Document::parse(text.to_owned()).expect("a document");
            let operation = document.operation(None).expect("one operation");
            document.is_meta(operation)
        };
        assert!(is_meta(
            "{ __typename ...a } fragment a on Query { __schema { types { name } } }"
        ));
        assert!(!is_meta(
            "{ __typename ...a } fragment a on Query { media { totalCount } }"
        ));
        let several = Document::parse("query a { b } query c { d }".to_owned()).expect("a document");
        assert!(several.operation(None).is_err() && several.operation(Some("c")).is_ok());
        // Nobody has chosen: the first one's name would be a wrong one.
        assert_eq!((several.name(None), several.name(Some("c"))), (None, Some("c")));
        let one = Document::parse("query a { b }".to_owned()).expect("a document");
        assert_eq!(one.name(None), Some("a"));
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
        let documents = Documents::default();
        let keep = |text: String| {
            let name = hash(&text);
            documents.keep(name, Arc::new(Document::parse(text).expect("a document")));
            name
        };
        let used = keep("{ used }".to_owned());
        let unused = keep("{ unused }".to_owned());
        for n in 0..2 * N_KEPT {
            keep(format!("{{ a{n} }}"));
            assert!(documents.get(&used).is_some(), "{n}");
        }
        assert!(documents.get(&unused).is_none());
    }
}
