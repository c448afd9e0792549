//! A chain of libavfilter's filters from one decoder to one encoder.
//!
//! Its description is made of our own words and of numbers; no text of a file or a user may ever reach it.

use std::ptr;

use ffmpeg_next::ffi;

use crate::encode::Frame;
use crate::error::AvError;
use crate::text;

/// A chain of filters for pictures of one kind.
pub struct Graph {
    graph: *mut ffi::AVFilterGraph,
    source: *mut ffi::AVFilterContext,
    sink: *mut ffi::AVFilterContext,
    kind: Kind,
}

#[derive(PartialEq, Eq)]
struct Kind {
    format: i32,
    size: (i32, i32),
}

impl Graph {
    /// A chain such as `bwdif,scale=1280:720` for pictures like this one, whose times are in `time_base`.
    pub fn new(like: &Frame, time_base: (i32, i32), filters: &str) -> Result<Self, String> {
        let complain = |error: AvError| format!("filters `{filters}`: {error}");
        // SAFETY: plain fields of a frame that lives.
        let (kind, aspect) = unsafe {
            let frame = like.0;
            (
                Kind {
                    format: (*frame).format,
                    size: ((*frame).width, (*frame).height),
                },
                (*frame).sample_aspect_ratio,
            )
        };
        let described = format!(
            "video_size={}x{}:pix_fmt={}:time_base={}/{}:pixel_aspect={}/{}",
            kind.size.0,
            kind.size.1,
            kind.format,
            time_base.0,
            time_base.1,
            aspect.num.max(0),
            aspect.den.max(1),
        );
        // SAFETY: the graph is ours from its allocation and owns all contexts that are made in it; libav copies all texts.
        unsafe {
            let graph = ffi::avfilter_graph_alloc();
            if graph.is_null() {
                return Err(complain(AvError::NO_MEMORY));
            }
            let mut this = Self {
                graph,
                source: ptr::null_mut(),
                sink: ptr::null_mut(),
                kind,
            };
            // Threads of its own only help where a filter is slow; the encoder has the processor's others.
            (*graph).nb_threads = 1;
            AvError::check(ffi::avfilter_graph_create_filter(
                &mut this.source,
                ffi::avfilter_get_by_name(c"buffer".as_ptr()),
                c"in".as_ptr(),
                text::c_text(&described).as_ptr(),
                ptr::null_mut(),
                graph,
            ))
            .map_err(complain)?;
            AvError::check(ffi::avfilter_graph_create_filter(
                &mut this.sink,
                ffi::avfilter_get_by_name(c"buffersink".as_ptr()),
                c"out".as_ptr(),
                ptr::null(),
                ptr::null_mut(),
                graph,
            ))
            .map_err(complain)?;
            let mut outputs = ffi::avfilter_inout_alloc();
            let mut inputs = ffi::avfilter_inout_alloc();
            if outputs.is_null() || inputs.is_null() {
                ffi::avfilter_inout_free(&mut outputs);
                ffi::avfilter_inout_free(&mut inputs);
                return Err(complain(AvError::NO_MEMORY));
            }
            // Seen from the chain: what comes out of the source goes in, what comes out goes into the sink.
            (*outputs).name = ffi::av_strdup(c"in".as_ptr());
            (*outputs).filter_ctx = this.source;
            (*inputs).name = ffi::av_strdup(c"out".as_ptr());
            (*inputs).filter_ctx = this.sink;
            let parsed = ffi::avfilter_graph_parse_ptr(
                graph,
                text::c_text(filters).as_ptr(),
                &mut inputs,
                &mut outputs,
                ptr::null_mut(),
            );
            ffi::avfilter_inout_free(&mut outputs);
            ffi::avfilter_inout_free(&mut inputs);
            AvError::check(parsed).map_err(complain)?;
            AvError::check(ffi::avfilter_graph_config(graph, ptr::null_mut())).map_err(complain)?;
            Ok(this)
        }
    }

    /// Whether the picture is of the kind the chain was made for; another needs a chain of its own.
    pub fn fits(&self, frame: &Frame) -> bool {
        // SAFETY: plain fields.
        let kind = unsafe {
            Kind {
                format: (*frame.0).format,
                size: ((*frame.0).width, (*frame.0).height),
            }
        };
        kind == self.kind
    }

    /// Puts a picture in, or says with none that no more come. What comes out carries its time.
    pub fn push(&mut self, frame: Option<&Frame>) -> Result<(), AvError> {
        if let Some(frame) = frame {
            // Filters know only this one of the two times.
            // SAFETY: plain fields of our own frame.
            unsafe { (*frame.0).pts = (*frame.0).best_effort_timestamp }
        }
        let keep = ffi::AV_BUFFERSRC_FLAG_KEEP_REF as i32;
        let raw = frame.map_or(ptr::null_mut(), |frame| frame.0);
        // SAFETY: both live; with the flag libav takes references of its own.
        AvError::check(unsafe { ffi::av_buffersrc_add_frame_flags(self.source, raw, keep) })?;
        Ok(())
    }

    /// The unit of the times that come out.
    pub fn time_base(&self) -> (i32, i32) {
        // SAFETY: a configured sink has one input link.
        let base = unsafe { ffi::av_buffersink_get_time_base(self.sink) };
        (base.num.max(1), base.den.max(1))
    }

    /// Takes the next picture out; false if it wants more, or has ended.
    pub fn pull(&mut self, frame: &mut Frame) -> Result<bool, AvError> {
        // SAFETY: both are ours; the frame is emptied first, as libav would leak what it holds.
        unsafe {
            ffi::av_frame_unref(frame.0);
            match AvError::check(ffi::av_buffersink_get_frame(self.sink, frame.0)) {
                Ok(_) => {
                    // The decoder's guess is in the source's unit; filters may have another.
                    (*frame.0).best_effort_timestamp = (*frame.0).pts;
                    Ok(true)
                }
                Err(error) if error.is_again() || error.is_end() => Ok(false),
                Err(error) => Err(error),
            }
        }
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: ours, with everything in it.
        unsafe { ffi::avfilter_graph_free(&mut self.graph) }
    }
}
