//! The one module that opens connections to other machines.
//!
//! Whoever may name an address (a camera, a stream, a hook) may otherwise have the server talk to itself and to its
//! neighbors. So a name is resolved here once, every address it has is checked, and the connection goes to a checked
//! address: a second look-up, which could answer otherwise, does not happen. Redirects are new targets for their client.

pub mod address;
pub mod allow;
pub mod target;

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{net::TcpStream, time::timeout};

use self::{
    allow::{Allow, AllowError},
    target::Target,
};

/// The `[egress]` section.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EgressConfig {
    /// Where the server may connect to besides the public internet: networks such as `192.168.1.0/24`, and hosts with a port
    /// such as `camera.lan:554`. Cameras live there.
    #[schemars(extend("outside" = true))]
    pub allow: Vec<String>,
    /// How many seconds resolving a name or connecting may take.
    #[schemars(range(min = 1), extend("outside" = true))]
    pub connect_seconds: u32,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            connect_seconds: 10,
        }
    }
}

/// Turns names into addresses.
#[async_trait::async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of a name, as they are now.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver.
struct SystemResolver;

#[async_trait::async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// Why there is no connection. The texts name hosts and never whole URLs, which may hold secrets.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The host's address is not public, and no rule allows it.
    #[error(
        "`{host}` is at {address}, which is not a public address; an administrator can allow it in `[egress]`, `allow`"
    )]
    Forbidden {
        /// As it was named.
        host: String,
        /// The offending address.
        address: IpAddr,
    },
    /// Nothing that we speak to listens there.
    #[error(
        "port {port} of `{host}` belongs to another kind of service; an administrator can allow it in `[egress]`, `allow`"
    )]
    Port {
        /// As it was named.
        host: String,
        /// The port.
        port: u16,
    },
    /// The name has no address.
    #[error("`{host}` cannot be found: {reason}")]
    Unresolved {
        /// As it was named.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nobody answers.
    #[error("`{host}`, port {port}, does not answer: {reason}")]
    Unreachable {
        /// As it was named.
        host: String,
        /// The port.
        port: u16,
        /// What the system said.
        reason: String,
    },
}

impl EgressError {
    /// Whether trying again may help: not where a rule refused it.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unresolved { .. } | Self::Unreachable { .. })
    }
}

/// Opens connections that the rules allow. Clones are handles to the same one.
#[derive(Clone)]
pub struct Egress {
    allow: Arc<Vec<Allow>>,
    resolver: Arc<dyn Resolve>,
    patience: Duration,
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress")
            .field("allow", &self.allow)
            .finish_non_exhaustive()
    }
}

impl Egress {
    /// With the system's resolver.
    ///
    /// # Errors
    /// When a rule cannot be read.
    pub fn new(config: &EgressConfig) -> Result<Self, AllowError> {
        Self::with_resolver(config, Arc::new(SystemResolver))
    }

    /// With another resolver.
    ///
    /// # Errors
    /// When a rule cannot be read.
    pub fn with_resolver(config: &EgressConfig, resolver: Arc<dyn Resolve>) -> Result<Self, AllowError> {
        let rules: Result<Vec<Allow>, AllowError> = config.allow.iter().map(|text| text.parse()).collect();
        Ok(Self {
            allow: Arc::new(rules?),
            resolver,
            patience: Duration::from_secs(u64::from(config.connect_seconds.max(1))),
        })
    }

    /// The addresses of a target, in the resolver's order, if all of them are allowed: a name with one good and one bad
    /// address is a trick, or will be one when the good address does not answer.
    ///
    /// # Errors
    /// When a rule refuses it or the name has no address.
    pub async fn admit(&self, target: &Target) -> Result<Vec<SocketAddr>, EgressError> {
        let (host, port) = (target.host(), target.port());
        let by_name = self.allow.iter().any(|rule| rule.names(host, port));
        if !by_name && address::is_foreign_port(port) {
            let host = host.to_owned();
            return Err(EgressError::Port { host, port });
        }
        let addresses = match target.address() {
            Some(address) => vec![address],
            None => self.resolve(host).await?,
        };
        let refused = addresses.iter().find(|address| {
            let address = address::canonical(**address);
            !by_name && !address::is_public(address) && !self.allow.iter().any(|rule| rule.holds(address, port))
        });
        match refused {
            Some(address) => Err(EgressError::Forbidden {
                host: host.to_owned(),
                address: *address,
            }),
            None => Ok(addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, port))
                .collect()),
        }
    }

    async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, EgressError> {
        let unresolved = |reason: String| EgressError::Unresolved {
            host: host.to_owned(),
            reason,
        };
        let found = match timeout(self.patience, self.resolver.resolve(host)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return Err(unresolved(error.to_string())),
            Err(_) => return Err(unresolved(format!("no answer within {} s", self.patience.as_secs()))),
        };
        if found.is_empty() {
            return Err(unresolved("it has no address".to_owned()));
        }
        Ok(found)
    }

    /// Connects to the first address that answers.
    ///
    /// # Errors
    /// When a rule refuses it, the name has no address, or nobody answers.
    pub async fn connect(&self, target: &Target) -> Result<TcpStream, EgressError> {
        let mut reason = String::new();
        for address in self.admit(target).await? {
            let connecting = TcpStream::connect(address);
            match timeout(self.patience, connecting).await {
                Ok(Ok(stream)) => {
                    // Requests are small and answers awaited.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => reason = error.to_string(),
                Err(_) => reason = format!("no answer within {} s", self.patience.as_secs()),
            }
        }
        Err(EgressError::Unreachable {
            host: target.host().to_owned(),
            port: target.port(),
            reason,
        })
    }
}
