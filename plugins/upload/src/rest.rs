//! Reads off what nobody wants of a body. A client sends on while it is refused, and would meet a closed connection instead
//! of the answer that says why.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::{runtime::Handle, time::timeout};

/// The most that is read off, and how long it may take: whoever sends more has its connection closed.
const MOST: usize = 4 * 1024 * 1024;
const LONGEST: Duration = Duration::from_secs(5);

/// The body of a request, whose rest is read when it is dropped.
pub fn read_off(body: Body) -> Body {
    Body::new(Wanted(body))
}

struct Wanted(Body);

impl HttpBody for Wanted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        let mut body = std::mem::take(&mut self.0);
        let Ok(runtime) = Handle::try_current() else { return };
        if body.is_end_stream() {
            return;
        }
        runtime.spawn(timeout(LONGEST, async move {
            let mut n = 0;
            while let Some(Ok(frame)) = body.frame().await {
                n += frame.data_ref().map_or(0, Bytes::len);
                if n > MOST {
                    break;
                }
            }
        }));
    }
}
