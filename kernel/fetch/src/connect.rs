//! Connections for the HTTP client: opened by `kernel::egress` and nobody else, in TLS where the scheme says so.

use std::{
    error::Error,
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use hyper::Uri;
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use kernel::egress::{
    Egress, EgressError,
    target::{Scheme, Target},
};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower::Service;

/// Opens connections for the client.
#[derive(Clone)]
pub(crate) struct Connector {
    egress: Arc<Egress>,
    tls: TlsConnector,
}

impl Connector {
    pub(crate) fn new(egress: Arc<Egress>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has what the default versions need")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            egress,
            tls: Arc::new(config).into(),
        }
    }

    async fn open(self, uri: Uri) -> Result<TokioIo<Wire>, Refused> {
        let target = Target::parse(&uri.to_string()).map_err(Refused::other)?;
        let plain = self.egress.connect(&target).await.map_err(Refused::egress)?;
        if target.scheme() != Scheme::Https {
            return Ok(TokioIo::new(Wire::Plain(plain)));
        }
        let name = target.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(name).map_err(Refused::other)?;
        let secret = self.tls.connect(name, plain).await.map_err(Refused::other)?;
        Ok(TokioIo::new(Wire::Secret(Box::new(secret))))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Wire>;
    type Error = Refused;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().open(uri))
    }
}

/// Why there is no connection, in a form that passes through the client and is taken out behind it.
pub(crate) struct Refused {
    egress: Mutex<Option<EgressError>>,
    text: String,
}

impl Refused {
    fn egress(error: EgressError) -> Self {
        Self {
            text: error.to_string(),
            egress: Mutex::new(Some(error)),
        }
    }

    fn other(error: impl fmt::Display) -> Self {
        Self {
            text: error.to_string(),
            egress: Mutex::new(None),
        }
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Refused {}

/// What `kernel::egress` said, if it is below this error.
pub(crate) fn take(error: &(dyn Error + 'static)) -> Option<EgressError> {
    let mut source = Some(error);
    while let Some(present) = source {
        if let Some(refused) = present.downcast_ref::<Refused>() {
            return refused.egress.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        source = present.source();
    }
    None
}

/// A connection.
pub(crate) enum Wire {
    Plain(TcpStream),
    Secret(Box<TlsStream<TcpStream>>),
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

macro_rules! delegate {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Self::Plain($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            Self::Secret($stream) => {
                let $stream = Pin::new(&mut **$stream);
                $call
            }
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_shutdown(cx))
    }
}
