//! Files that are made to reach out, and files that are damaged at random.

use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;

use media_engine::engine::EngineConfig;
use media_engine::source::Source;
use media_proto::error::MediaError;
use media_proto::job::ProbeHints;
use media_proto::synthetic::Synthetic;
use tokio_util::sync::CancellationToken;

use crate::kit::{file, made, probe, start};

#[tokio::test]
async fn playlists_and_scripts_open_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/segment.ts", listener.local_addr().unwrap());
    let mut canary = tempfile::NamedTempFile::new().unwrap();
    let engine = start(EngineConfig::default()).await;
    canary.write_all(&made(&engine, Synthetic::clip(1)).await).unwrap();
    let path = canary.path().display();
    let hostile = [
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{url}\n#EXT-X-ENDLIST\n"),
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{path}\n#EXT-X-ENDLIST\n"),
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-KEY:METHOD=AES-128,URI=\"{url}\"\n#EXTINF:2,\n{path}\n"),
        format!("ffconcat version 1.0\nfile {path}\n"),
        format!("ffconcat version 1.0\nfile {url}\n"),
        format!("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na={url}\n"),
        format!("<?xml version=\"1.0\"?><MPD><Period><BaseURL>{url}</BaseURL></Period></MPD>"),
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"{url}\"/></svg>"),
    ];
    for text in &hostile {
        for extension in [None, Some("m3u8"), Some("mp4"), Some("ffconcat"), Some("sdp")] {
            let hints = ProbeHints {
                extension: extension.map(str::to_owned),
            };
            let probed = engine
                .probe(&file(text.as_bytes()), hints, &CancellationToken::new())
                .await;
            // Named as an mp4, nonsense is a damaged mp4.
            let refused = matches!(probed, Err(MediaError::Unsupported { .. } | MediaError::Corrupt { .. }));
            assert!(refused, "{text}: {probed:?}");
        }
    }
    assert_eq!(
        listener.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock,
        "somebody connected"
    );
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media/packages/androidx-hls");
    match File::open(packages.join("multi-segment/playlist.m3u8")) {
        Ok(playlist) => {
            let probed = probe(&engine, &Source::new(playlist).unwrap()).await;
            assert!(matches!(probed, Err(MediaError::Unsupported { .. })), "{probed:?}");
        }
        Err(_) => eprintln!("skipped in part: the folder of shared media is not here"),
    }
    engine.stop().await;
}

#[tokio::test]
async fn mutated_files_always_get_an_answer() {
    let engine = start(EngineConfig {
        quick_workers: 2,
        ..EngineConfig::default()
    })
    .await;
    // xorshift with a fixed start: the same mutations each time.
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize % below
    };
    let (mut n_opened, mut n_refused) = (0, 0);
    for container in ["mp4", "matroska", "mpegts", "avi"] {
        let spec = match container {
            "avi" => Synthetic {
                container: "avi".to_owned(),
                audio: None,
                ..Synthetic::clip(5)
            },
            _ => Synthetic {
                container: container.to_owned(),
                duration_us: 400_000,
                ..Synthetic::clip(5)
            },
        };
        let bytes = made(&engine, spec).await;
        for _ in 0..60 {
            let mut mutated = bytes.clone();
            for _ in 0..1 + random(20) {
                let at = random(mutated.len());
                mutated[at] = random(256) as u8;
            }
            mutated.truncate(mutated.len() - random(mutated.len() / 2));
            let probed = probe(&engine, &file(&mutated)).await;
            match probed {
                Ok(_) => n_opened += 1,
                Err(error) => {
                    assert!(error.blames_file(), "{error:?}");
                    n_refused += 1;
                }
            }
        }
    }
    assert!(
        n_opened > 0 && n_refused > 0,
        "the mutations prove nothing: {n_opened} opened, {n_refused} refused"
    );
    let stats = engine.stats();
    assert_eq!(
        (stats.n_crashed, stats.n_hung),
        (0, 0),
        "keep the file that did this as a fixture"
    );
    engine.stop().await;
}
