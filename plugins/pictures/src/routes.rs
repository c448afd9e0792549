//! `GET|HEAD /p/pictures/..`: the signature is the permission; what is named after its bytes never changes.

mod serve;
mod vtt;
mod waveform;

use std::sync::Arc;

use axum::{
    Router,
    extract::{OriginalUri, Path, State},
    http::{HeaderMap, Method, Uri, header},
    response::Response,
    routing::get,
};
use bytes::Bytes;
use kernel::{
    error::{Code, Failure},
    objects::ObjectKey,
    plugin::Kernel,
};

use crate::{
    Pictures, code, heal,
    routes::serve::{Asked, Content, refuse, respond},
    still::{self, Of},
    tables::picture_part::Format,
    urls::{Formats, Layout, Malformed, StillPath},
};

/// What the routes share.
#[derive(Clone)]
struct App {
    kernel: Kernel,
    pictures: Arc<Pictures>,
}

/// The routes below `/p/pictures`.
pub fn router(kernel: Kernel, pictures: Arc<Pictures>) -> Router {
    Router::new()
        .route("/poster/{formats}", get(poster))
        .route("/sprite/{name}", get(sprite))
        .route("/preview/{name}", get(preview))
        .route("/vtt/{key}/{name}", get(vtt))
        .route("/waveform/{key}/{name}", get(waveform))
        .route("/at/{file}/{stamp}/{at}/{width}", get(at))
        .route("/page/{file}/{stamp}/{at}/{width}", get(page))
        .with_state(App { kernel, pictures })
}

/// A request whose signature was checked.
struct Signed {
    method: Method,
    headers: HeaderMap,
}

impl Signed {
    fn asked(&self) -> Asked<'_> {
        Asked {
            method: &self.method,
            headers: &self.headers,
        }
    }
}

impl App {
    /// Checks the signature, lets `answer` answer, and turns a failure into a response.
    async fn answer(
        &self,
        uri: &Uri,
        method: Method,
        headers: HeaderMap,
        answer: impl AsyncFnOnce(&Signed) -> Result<Response, Failure>,
    ) -> Response {
        let signed = Signed { method, headers };
        let verified = self.kernel.signer.verify(uri.path(), uri.query().unwrap_or_default());
        let answered = match verified {
            Ok(()) => answer(&signed).await,
            Err(error) => Err(error.into()),
        };
        answered.unwrap_or_else(|failure| refuse(&failure, &signed.headers))
    }

    /// A picture that is drawn when it is first asked for.
    async fn still(
        &self,
        uri: &Uri,
        method: Method,
        headers: HeaderMap,
        Path((file, stamp, at_us, width)): StillSegments,
        of: Of,
    ) -> Response {
        self.answer(uri, method, headers, async |signed| {
            let path = StillPath::parse(&file, &stamp, &at_us, &width).map_err(unknown)?;
            let (format, mime) = match accepts_webp(&signed.headers) {
                true => (Format::Webp, "image/webp"),
                false => (Format::Jpeg, "image/jpeg"),
            };
            let key = still::find_or_make(&self.kernel, &self.pictures, (path, of), format).await?;
            self.object(signed.asked(), key, mime, true).await
        })
        .await
    }

    /// An object as it is, or the answer that it is gone, which has it made again.
    async fn object(
        &self,
        asked: Asked<'_>,
        key: ObjectKey,
        mime: &'static str,
        varies: bool,
    ) -> Result<Response, Failure> {
        let content = Content {
            name: key.to_string(),
            mime,
            varies,
        };
        match respond(&self.pictures.objects, asked, key, &content).await? {
            Some(response) => Ok(response),
            None => {
                heal::lost(&self.kernel, key).await?;
                Err(gone())
            }
        }
    }

    async fn bytes(&self, key: ObjectKey) -> Result<Bytes, Failure> {
        match self.pictures.objects.get(key).await? {
            Some(bytes) => Ok(bytes),
            None => {
                heal::lost(&self.kernel, key).await?;
                Err(gone())
            }
        }
    }
}

async fn poster(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path(formats): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    app.answer(&uri, method, headers, async |signed| {
        let formats: Formats = formats.parse().map_err(unknown)?;
        let (key, mime) = match (formats.webp, formats.jpeg) {
            (Some(webp), _) if accepts_webp(&signed.headers) => (webp, "image/webp"),
            (_, Some(jpeg)) => (jpeg, "image/jpeg"),
            (Some(webp), None) => (webp, "image/webp"),
            (None, None) => return Err(gone()),
        };
        app.object(signed.asked(), key, mime, true).await
    })
    .await
}

async fn sprite(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    app.answer(&uri, method, headers, async |signed| {
        let key = named(&name, ".webp")?;
        app.object(signed.asked(), key, "image/webp", false).await
    })
    .await
}

async fn preview(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    app.answer(&uri, method, headers, async |signed| match named(&name, ".mp4") {
        Ok(key) => app.object(signed.asked(), key, "video/mp4", false).await,
        Err(_) => {
            app.object(signed.asked(), named(&name, ".webp")?, "image/webp", false)
                .await
        }
    })
    .await
}

async fn vtt(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path((key, name)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    app.answer(&uri, method, headers, async |signed| {
        let key: ObjectKey = key.parse().map_err(|_| gone())?;
        let layout = name.strip_suffix(".vtt").ok_or_else(gone)?;
        let layout: Layout = layout.parse().map_err(unknown)?;
        let text = vtt::text(layout.0, &app.pictures.urls.sprite(key));
        // It holds a URL that expires, so it is not kept for ever.
        serve::text(
            signed.asked(),
            "text/vtt; charset=utf-8",
            text.into_bytes(),
            "private, max-age=600",
        )
    })
    .await
}

async fn waveform(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path((key, name)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    app.answer(&uri, method, headers, async |signed| {
        let key: ObjectKey = key.parse().map_err(|_| gone())?;
        let (rate, extension) = name.split_once('.').ok_or_else(gone)?;
        let rate: u32 = rate
            .parse()
            .ok()
            .filter(|rate| (1..=48_000).contains(rate))
            .ok_or_else(gone)?;
        let peaks = app.bytes(key).await?;
        let (mime, body) = match extension {
            "json" => ("application/json", waveform::json(&peaks, rate).into_bytes()),
            "dat" => ("application/octet-stream", waveform::binary(&peaks, rate)),
            _ => return Err(gone()),
        };
        serve::text(signed.asked(), mime, body, serve::IMMUTABLE)
    })
    .await
}

type StillSegments = Path<(String, String, String, String)>;

async fn at(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    path: StillSegments,
    method: Method,
    headers: HeaderMap,
) -> Response {
    app.still(&uri, method, headers, path, Of::Time).await
}

async fn page(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    path: StillSegments,
    method: Method,
    headers: HeaderMap,
) -> Response {
    app.still(&uri, method, headers, path, Of::Page).await
}

/// Whether WebP is named among what the client takes: `*/*` is also said by those who know only JPEG.
fn accepts_webp(headers: &HeaderMap) -> bool {
    let values = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_webp = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("image/webp"));
        let refuses = parts.any(|part| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.is_some_and(|weight| weight.parse::<f32>() == Ok(0.0))
        });
        is_webp && !refuses
    })
}

fn named(name: &str, extension: &str) -> Result<ObjectKey, Failure> {
    let key = name.strip_suffix(extension).ok_or_else(gone)?;
    key.parse().map_err(|_| gone())
}

fn unknown(_: Malformed) -> Failure {
    gone()
}

fn gone() -> Failure {
    failure(&code::GONE, "the picture is no longer kept; ask the API for a new URL")
}

fn failure(code: &'static Code, message: &str) -> Failure {
    Failure::new(code, message)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn webp_is_sent_to_who_names_it() {
        for (accept, expected) in [
            ("image/avif,image/webp,image/apng,*/*;q=0.8", true),
            ("image/WebP", true),
            ("image/webp;q=0.5", true),
            ("image/webp;q=0", false),
            ("image/webp; q=0.000", false),
            ("image/png,image/*;q=0.8,*/*;q=0.5", false),
            ("*/*", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).expect("a header"));
            assert_eq!(accepts_webp(&headers), expected, "{accept}");
        }
        assert!(!accepts_webp(&HeaderMap::new()));
    }
}
