//! Runs operations, the same for every transport: limits, the request's data, time, panics, and errors made fit to send.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_graphql::{
    Data, Request, Response, ServerError, ServerResult, Value,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute, NextResolve, ResolveInfo},
    parser::types::OperationType,
};
use futures_util::{FutureExt, Stream, StreamExt, stream::BoxStream};
use kernel::{
    error::{Failure, code},
    plugin::Kernel,
    telemetry::{Metric, MetricKind},
    work::Work,
};
use schema::{
    SharedCaches,
    kit::{access::Access, turn},
    system::operations::{self, Ended},
};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::{
    call::Call,
    document::{self, Document},
    order::Order,
};
use crate::{
    codes,
    http::{Edge, edge::panic_text},
    plugins::{Graphql, Plugins},
};

/// How long a query or a mutation may take.
const PATIENCE: Duration = Duration::from_secs(10);

const OPERATIONS: Metric = Metric {
    name: "graphql_operations",
    help: "GraphQL operations by kind and outcome",
    kind: MetricKind::Counter,
};
const SECONDS: Metric = Metric {
    name: "graphql_operation_seconds",
    help: "Time of queries and mutations, by kind and name",
    kind: MetricKind::Seconds,
};

/// The metrics of this module.
pub const METRICS: &[Metric] = &[OPERATIONS, SECONDS];

/// An operation that may be executed.
pub struct Prepared {
    request: Request,
    /// What it is.
    pub kind: OperationType,
    name: String,
    is_meta: bool,
    order: Order,
    access: Access,
    request_id: String,
}

/// A document of a call, and the hash of its text.
pub struct Found {
    /// The document.
    pub document: Arc<Document>,
    /// Its SHA-256.
    pub hash: [u8; 32],
}

/// Finds, parses and checks the document of a call.
pub fn prepare(edge: &Edge, mut call: Call, access: Access, request_id: &str) -> Result<Prepared, Failure> {
    let found = find(edge, &mut call, &access)?;
    prepare_found(edge, found, call, access, request_id)
}

/// Checks the call of a document that was found.
pub fn prepare_found(
    edge: &Edge,
    found: Found,
    call: Call,
    access: Access,
    request_id: &str,
) -> Result<Prepared, Failure> {
    let document = found.document;
    let operation = document.operation(call.operation_name.as_deref())?;
    let kind = operation.ty;
    if call.only.is_some_and(|only| only != kind) {
        let message = format!("a GET may only query; send this {kind} by POST");
        return Err(Failure::new(&codes::METHOD_NOT_ALLOWED, message));
    }
    edge.costs().check(&document.parsed, operation, &call.variables)?;
    let is_meta = document.is_meta(operation);
    let order = Order::of(&document.parsed, operation);
    let mut request = Request::new(document.text.as_str()).variables(call.variables);
    // Names end up in traces and logs.
    let name = document.name(call.operation_name.as_deref());
    let name = name.unwrap_or(operations::ANONYMOUS).chars().take(64).collect();
    request.set_parsed_query(document.alone(call.operation_name.as_deref()));
    request.operation_name = call.operation_name;
    if access == Access::Anonymous {
        request = request.disable_introspection();
    }
    Ok(Prepared {
        request,
        kind,
        name,
        is_meta,
        order,
        access,
        request_id: request_id.to_owned(),
    })
}

/// Finds the document of a call, or reads it; its text is taken.
pub fn find(edge: &Edge, call: &mut Call, access: &Access) -> Result<Found, Failure> {
    let Some(text) = call.query.take() else {
        // The text is what clients of automatic persisted queries compare with.
        let not_found = || Failure::new(&codes::PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound");
        let hash = call.persisted.ok_or_else(not_found)?;
        let document = edge.documents.get(&hash).ok_or_else(not_found)?;
        return Ok(Found { document, hash });
    };
    let hash = document::hash(&text);
    if call.persisted.is_some_and(|sent| sent != hash) {
        let message = "the document's SHA-256 is not the one it was sent with";
        return Err(Failure::new(&codes::PERSISTED_QUERY_MISMATCH, message));
    }
    if let Some(document) = edge.documents.get(&hash) {
        return Ok(Found { document, hash });
    }
    let document = Arc::new(Document::parse(text)?);
    // Who is not signed in must not push out what others use.
    if *access != Access::Anonymous {
        edge.documents.keep(hash, Arc::clone(&document));
    }
    Ok(Found { document, hash })
}

/// Counts a query that was answered from what is kept.
pub fn count_kept(edge: &Edge, name: Option<&str>, begun: std::time::Instant, request_id: &str) {
    let name = name.unwrap_or(operations::ANONYMOUS);
    let name = name.char_indices().nth(64).map_or(name, |(end, _)| &name[..end]);
    let (took, metrics) = (begun.elapsed(), &edge.kernel.metrics);
    let kind = kind_name(OperationType::Query);
    metrics.add(&OPERATIONS, &[("kind", kind), ("outcome", "ok")], 1);
    let operation = edge.operations.label(name);
    metrics.observe(
        &SECONDS,
        &[("kind", kind), ("operation", operation)],
        took.as_secs_f64(),
    );
    edge.operations.record(Ended {
        name,
        at: edge.kernel.clock.now_ms(),
        took,
        has_failed: false,
        n_statements: 0,
        trace_id: "",
        request_id,
    });
}

/// Marks the data of a subscription, whose events each get fresh loaders.
struct IsSubscription;

impl Prepared {
    fn request(&mut self, edge: &Edge) -> Request {
        let mut request = std::mem::replace(&mut self.request, Request::new(String::new()));
        request.data = edge.request_data(&self.access);
        if self.kind == OperationType::Subscription {
            request.data.insert(IsSubscription);
        }
        request
    }

    /// Puts a response in order, completes its errors, and hides from strangers what the schema knows.
    fn seal(&self, response: &mut Response) {
        self.order.apply(&mut response.data);
        for error in &mut response.errors {
            let is_coded = error
                .extensions
                .as_ref()
                .is_some_and(|known| known.get("code").is_some());
            if is_coded || !error.path.is_empty() {
                continue;
            }
            // What has neither code nor path comes from the validation.
            let is_limit = ["Query is too complex.", "Query is nested too deep."].contains(&error.message.as_str());
            let code = if is_limit {
                &codes::QUERY_TOO_LARGE
            } else {
                &codes::GRAPHQL_VALIDATION_FAILED
            };
            error.extensions.get_or_insert_default().set("code", code.name);
        }
        if self.access == Access::Anonymous {
            self.mask(response);
        }
        schema::kit::error::seal(response, &self.request_id);
    }

    /// To somebody who is not signed in, a field that does not exist and one that is not allowed look the same.
    fn mask(&self, response: &mut Response) {
        let is_telling = |error: &ServerError| {
            [code::UNAUTHENTICATED.name, codes::GRAPHQL_VALIDATION_FAILED.name]
                .iter()
                .any(|name| has_code(error, name))
        };
        if !response.errors.iter().any(is_telling) {
            return;
        }
        let failure = if self.is_meta {
            Failure::new(
                &codes::GRAPHQL_VALIDATION_FAILED,
                "the document does not fit the schema; sign in to see why",
            )
        } else {
            Failure::new(&code::UNAUTHENTICATED, "sign in, or send a valid token")
        };
        response.errors = vec![server_error(&failure)];
        response.data = Value::Null;
    }
}

/// Runs a query or a mutation to its end.
pub async fn execute(edge: &Edge, mut prepared: Prepared) -> Response {
    let request = prepared.request(edge);
    let kind = kind_name(prepared.kind);
    let name = prepared.name.as_str();
    let span = tracing::info_span!("graphql.operation", kind, name, otel.name = format!("{kind} {name}"));
    let work = Work::within();
    let begun = std::time::Instant::now();
    let shared = edge.clone();
    let run = async move { turn::drive(shared.schemas.answers.execute(request)).await };
    let run = Arc::clone(&work).run(run.instrument(span.clone()));
    let run = AssertUnwindSafe(run).catch_unwind();
    let run = async {
        if prepared.kind != OperationType::Mutation {
            return run.await;
        }
        // Given up with the request, as a query is.
        let run = AbortOnDropHandle::new(edge.writing.spawn(run));
        run.await.unwrap_or_else(|error| Err(Box::new(error.to_string())))
    };
    let mut response = match tokio::time::timeout(PATIENCE, run).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            tracing::error!(
                panic = panic_text(&*panic),
                name = prepared.name,
                "an operation panicked"
            );
            failed(&Failure::internal("a panic"))
        }
        Err(_) => {
            let message = format!(
                "the operation took longer than {} s; ask for less at a time",
                PATIENCE.as_secs()
            );
            failed(&Failure::new(&code::TIMEOUT, message))
        }
    };
    prepared.seal(&mut response);
    let has_failed = !response.errors.is_empty();
    let outcome = if has_failed { "error" } else { "ok" };
    let took = begun.elapsed();
    let operation = edge.operations.label(name);
    let metrics = &edge.kernel.metrics;
    metrics.add(&OPERATIONS, &[("kind", kind), ("outcome", outcome)], 1);
    let seconds = took.as_secs_f64();
    metrics.observe(&SECONDS, &[("kind", kind), ("operation", operation)], seconds);
    let n_statements = work.n_statements();
    if took >= edge.slow_operation {
        let elapsed_ms = took.as_millis() as u64;
        tracing::warn!(parent: &span, name, elapsed_ms, n_statements, outcome, "slow operation");
    }
    edge.operations.record(Ended {
        name,
        at: edge.kernel.clock.now_ms(),
        took,
        has_failed,
        n_statements,
        trace_id: &work.trace().to_string(),
        request_id: &prepared.request_id,
    });
    response
}

/// Follows a subscription. A panic ends it with an error, and nothing else.
pub fn subscribe(edge: &Edge, mut prepared: Prepared) -> BoxStream<'static, Response> {
    let request = prepared.request(edge);
    edge.kernel.metrics.add(
        &OPERATIONS,
        &[("kind", kind_name(prepared.kind)), ("outcome", "begun")],
        1,
    );
    let guard = edge.traffic.subscription();
    let stream = AssertUnwindSafe(edge.schemas.events.execute_stream(request)).catch_unwind();
    let sealed = stream.map(move |item| {
        let _guard = &guard;
        let mut response = item.unwrap_or_else(|panic| {
            tracing::error!(
                panic = panic_text(&*panic),
                name = prepared.name,
                "a subscription panicked"
            );
            failed(&Failure::internal("a panic"))
        });
        prepared.seal(&mut response);
        response
    });
    sealed.boxed()
}

/// Runs any operation as a stream of its responses.
pub fn responses(edge: Edge, prepared: Prepared) -> impl Stream<Item = Response> + Send + 'static {
    if prepared.kind == OperationType::Subscription {
        return subscribe(&edge, prepared);
    }
    futures_util::stream::once(async move { execute(&edge, prepared).await }).boxed()
}

/// A response that is nothing but this failure, complete with the request's id.
pub fn refusal(failure: &Failure, request_id: &str) -> Response {
    let mut response = failed(failure);
    schema::kit::error::seal(&mut response, request_id);
    response
}

fn failed(failure: &Failure) -> Response {
    Response::from_errors(vec![server_error(failure)])
}

fn server_error(failure: &Failure) -> ServerError {
    let mut error = ServerError::new(&failure.message, None);
    error.extensions.get_or_insert_default().set("code", failure.code.name);
    error
}

/// Whether an error carries this code.
pub fn has_code(error: &ServerError, name: &str) -> bool {
    let code = error.extensions.as_ref().and_then(|known| known.get("code"));
    matches!(code, Some(Value::String(code)) if code == name)
}

fn kind_name(kind: OperationType) -> &'static str {
    match kind {
        OperationType::Query => "query",
        OperationType::Mutation => "mutation",
        OperationType::Subscription => "subscription",
    }
}

/// The schema, composed for each use. A single extension makes every field a boxed call and a look into the registry, so
/// answers go without where nothing needs one.
#[derive(Clone)]
pub struct Schemas {
    /// For queries and mutations.
    pub answers: Graphql,
    /// For subscriptions.
    pub events: Graphql,
}

/// Gives every event of a subscription loaders of its own: those of the subscription would answer from what they
/// loaded for earlier events.
pub struct FreshLoaders {
    /// The handles that loaders are made of.
    pub kernel: Kernel,
    /// The caches behind them.
    pub shared: SharedCaches,
    /// Those who have loaders too.
    pub plugins: Plugins,
}

impl ExtensionFactory for FreshLoaders {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(FreshLoaders {
            kernel: self.kernel.clone(),
            shared: self.shared.clone(),
            plugins: self.plugins.clone(),
        })
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for FreshLoaders {
    async fn execute(&self, cx: &ExtensionContext<'_>, name: Option<&str>, next: NextExecute<'_>) -> Response {
        let (Some(_), Some(access)) = (cx.data_opt::<IsSubscription>(), cx.data_opt::<Access>()) else {
            return next.run(cx, name).await;
        };
        let data = request_data(&self.kernel, &self.shared, &self.plugins, access);
        turn::drive(next.run_with_data(cx, name, data)).await
    }
}

/// Marks root fields in traces; those below them would be thousands.
#[derive(Clone, Copy)]
pub struct RootSpans;

impl ExtensionFactory for RootSpans {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(*self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for RootSpans {
    async fn resolve(
        &self,
        cx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        if info.path_node.parent.is_some() {
            return next.run(cx, info).await;
        }
        let span = tracing::info_span!("graphql.field", otel.name = info.name, field = info.name);
        next.run(cx, info).instrument(span).await
    }
}

/// What the resolvers of one request find in their context.
pub fn request_data(kernel: &Kernel, shared: &SharedCaches, plugins: &Plugins, access: &Access) -> Data {
    let mut data = schema::request_data(kernel, shared, access.clone());
    plugins.loaders(kernel, &mut data);
    data
}
