//! Makes decoded frames into what the encoder wants: size, direction, colors.

use media_av::encode::Frame;
use media_av::graph::Graph;
use media_proto::error::MediaError;
use media_proto::grid::TimeBase;
use media_proto::head::VideoHead;

use crate::open::av_error;

/// The chain of filters, made when the first frame shows what there is.
pub struct Painter<'a> {
    head: &'a VideoHead,
    graph: Option<Graph>,
}

impl<'a> Painter<'a> {
    pub fn new(head: &'a VideoHead) -> Self {
        Self { head, graph: None }
    }

    pub fn push(&mut self, frame: Option<&Frame>) -> Result<(), MediaError> {
        let graph = match (self.graph.take(), frame) {
            (Some(graph), Some(frame)) if graph.fits(frame) => self.graph.insert(graph),
            (_, Some(frame)) => {
                let filters = filters(self.head, frame);
                let graph = Graph::new(frame, self.head.time_base, &filters);
                self.graph
                    .insert(graph.map_err(|reason| MediaError::Unsupported { reason })?)
            }
            (Some(graph), None) => self.graph.insert(graph),
            (None, None) => return Ok(()),
        };
        graph.push(frame).map_err(av_error)
    }

    pub fn pull(&mut self, frame: &mut Frame) -> Result<bool, MediaError> {
        match &mut self.graph {
            Some(graph) => graph.pull(frame).map_err(av_error),
            None => Ok(false),
        }
    }

    pub fn time_base(&self) -> TimeBase {
        self.graph.as_ref().map_or(self.head.time_base, Graph::time_base)
    }
}

/// The chain of filters, of our own words and of numbers. Scaling comes early: everything after it has less to do.
fn filters(head: &VideoHead, frame: &Frame) -> String {
    let rendition = &head.rendition;
    let (width, height) = match head.rotation {
        90 | 270 => (rendition.height, rendition.width),
        _ => (rendition.width, rendition.height),
    };
    let mut chain = Vec::new();
    if rendition.is_deinterlaced {
        chain.push("bwdif=mode=send_frame:deint=interlaced".to_owned());
    }
    if rendition.is_tone_mapped {
        // 203 candela per square meter is the white of graphics in BT.2408.
        chain.push(format!(
            "zscale=w={width}:h={height}:filter=bilinear:t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,\
             tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv"
        ));
    } else {
        // Pictures that say nothing of their matrix follow the usage of their time: BT.601 below high definition.
        let from = match (frame.colors().matrix, frame.size().1) {
            (None, 720..) => "in_color_matrix=bt709:",
            _ => "",
        };
        chain.push(format!(
            "scale=w={width}:h={height}:flags=bilinear:{from}out_color_matrix=bt709:out_range=tv"
        ));
    }
    // Devices take their colors interleaved.
    let layout = if head.encoder.is_some() { "nv12" } else { "yuv420p" };
    chain.push(format!("format={layout},setsar=1"));
    match head.rotation {
        90 => chain.push("transpose=clock".to_owned()),
        180 => chain.push("hflip,vflip".to_owned()),
        270 => chain.push("transpose=cclock".to_owned()),
        _ => {}
    }
    chain.join(",")
}
