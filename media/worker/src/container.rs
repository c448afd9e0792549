//! Which formats and codecs exist for us, and what each format is called.

use media_proto::probe::MediaKind;

/// One format: libav's demuxer, our short name, and whether its pictures are stills.
pub struct Format {
    /// libav's name of the demuxer.
    pub demuxer: &'static str,
    /// The canonical short name.
    pub name: &'static str,
    /// Whether one picture, not moving ones, is what it holds.
    pub is_still: bool,
}

const fn moving(demuxer: &'static str, name: &'static str) -> Format {
    Format {
        demuxer,
        name,
        is_still: false,
    }
}

const fn still(demuxer: &'static str, name: &'static str) -> Format {
    Format {
        demuxer,
        name,
        is_still: true,
    }
}

/// Every format that is opened. Playlists, manifests and anything that names other files are left out on purpose: hls,
/// dash, concat, image2, sdp, rtsp, imf, webm_dash_manifest, tedcaptions, tty; so is svg, which is a program's input.
pub const FORMATS: &[Format] = &[
    moving("mov,mp4,m4a,3gp,3g2,mj2", "mp4"),
    moving("matroska,webm", "matroska"),
    moving("mpegts", "mpegts"),
    moving("mpeg", "mpegps"),
    moving("mpegvideo", "mpegvideo"),
    moving("avi", "avi"),
    moving("flv", "flv"),
    moving("live_flv", "flv"),
    moving("asf", "asf"),
    moving("mxf", "mxf"),
    moving("dv", "dv"),
    moving("ivf", "ivf"),
    moving("obu", "av1"),
    moving("h264", "h264"),
    moving("hevc", "hevc"),
    moving("m4v", "m4v"),
    moving("h263", "h263"),
    moving("h261", "h261"),
    moving("ogg", "ogg"),
    moving("wav", "wav"),
    moving("w64", "w64"),
    moving("flac", "flac"),
    moving("mp3", "mp3"),
    moving("aac", "aac"),
    moving("loas", "loas"),
    moving("ac3", "ac3"),
    moving("eac3", "eac3"),
    moving("dts", "dts"),
    moving("dtshd", "dtshd"),
    moving("truehd", "truehd"),
    moving("mlp", "mlp"),
    moving("aiff", "aiff"),
    moving("caf", "caf"),
    moving("au", "au"),
    moving("amr", "amr"),
    moving("amrnb", "amr"),
    moving("amrwb", "amr"),
    moving("ape", "ape"),
    moving("mpc", "musepack"),
    moving("mpc8", "musepack"),
    moving("tta", "tta"),
    moving("wv", "wavpack"),
    moving("dsf", "dsf"),
    moving("srt", "srt"),
    moving("ass", "ass"),
    moving("webvtt", "webvtt"),
    moving("sup", "pgs"),
    still("gif", "gif"),
    still("apng", "apng"),
    still("jpeg_pipe", "jpeg"),
    still("png_pipe", "png"),
    still("webp_pipe", "webp"),
    still("bmp_pipe", "bmp"),
    still("tiff_pipe", "tiff"),
    still("jpegxl_pipe", "jpegxl"),
    still("j2k_pipe", "jpeg2000"),
    still("psd_pipe", "psd"),
    still("ppm_pipe", "ppm"),
    still("pgm_pipe", "pgm"),
];

/// Decoders that may run, in libav's syntax.
pub const DECODERS: &str = "h264,hevc,av1,libdav1d,libaom-av1,vp8,vp9,libvpx,libvpx-vp9,vp6,vp6f,vp6a,mpeg1video,mpeg2video,\
mpegvideo,mpeg4,msmpeg4,msmpeg4v1,msmpeg4v2,h261,h263,h263i,flv,theora,dvvideo,mjpeg,mjpegb,prores,dnxhd,ffv1,huffyuv,ffvhuff,\
wmv1,wmv2,wmv3,vc1,cinepak,svq1,svq3,rawvideo,qtrle,png,apng,gif,webp,bmp,tiff,libjxl,jpeg2000,libopenjpeg,psd,ppm,pgm,\
aac,aac_latm,ac3,eac3,mp1,mp1float,mp2,mp2float,mp3,mp3float,opus,libopus,vorbis,libvorbis,flac,alac,dca,truehd,mlp,ape,tta,\
wavpack,mpc7,mpc8,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,speex,libspeex,wmav1,wmav2,wmapro,wmalossless,wmavoice,\
dsd_lsbf,dsd_msbf,dsd_lsbf_planar,dsd_msbf_planar,pcm_alaw,pcm_mulaw,pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,\
pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_bluray,pcm_dvd,pcm_s16le_planar,adpcm_ima_wav,adpcm_ms,\
adpcm_ima_qt,adpcm_swf,nellymoser,gsm,gsm_ms,subrip,srt,ass,ssa,mov_text,webvtt,text,dvdsub,dvbsub,pgssub,xsub";

/// The demuxer of a still that libav 5.1 recognizes by its file name only.
pub fn by_magic(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xff, 0xd8, 0xff, ..] => Some("jpeg_pipe"),
        [0xff, 0x0a, ..] => Some("jpegxl_pipe"),
        _ => None,
    }
}

/// The canonical name of an open file: the demuxer's, made exact by what the file says of itself.
pub fn name(format: &Format, tags: &[(String, String)], head: &[u8]) -> &'static str {
    match format.name {
        "mp4" => match tags
            .iter()
            .find(|(key, _)| key == "major_brand")
            .map(|(_, brand)| brand.as_str())
        {
            Some("qt  ") | None => "mov",
            Some("avif" | "avis") => "avif",
            Some("heic" | "heix" | "hevc" | "hevx" | "mif1" | "msf1") => "heif",
            Some(brand) if brand.starts_with("3g") => "3gp",
            Some(_) => "mp4",
        },
        "matroska" if is_webm(head) => "webm",
        name => name,
    }
}

/// Our name for a file that libheif reads, by the brands in its first box (ISO/IEC 23008-12, 10).
pub fn heif_brand(head: &[u8]) -> Option<&'static str> {
    if head.get(4..8)? != b"ftyp" {
        return None;
    }
    match head.get(8..12)? {
        b"avif" | b"avis" => Some("avif"),
        b"heic" | b"heix" | b"heim" | b"heis" | b"mif1" | b"msf1" => Some("heif"),
        _ => None,
    }
}

/// Whether an EBML header's document type is WebM: element 0x4282 holds it as text.
fn is_webm(head: &[u8]) -> bool {
    head.windows(7)
        .take(64)
        .any(|window| window == [0x42, 0x82, 0x84, b'w', b'e', b'b', b'm'])
}

/// What the file is for its viewer, from its container and whether it has pictures, sound and subtitles.
pub fn kind(format: &Format, name: &str, has_pictures: bool, has_sound: bool, has_subtitles: bool) -> MediaKind {
    let is_still = format.is_still || (matches!(name, "avif" | "heif") && !has_sound);
    match (has_pictures, has_sound, has_subtitles) {
        (true, ..) if is_still => MediaKind::Image,
        (true, ..) => MediaKind::Video,
        (false, true, _) => MediaKind::Audio,
        (false, false, true) => MediaKind::Subtitle,
        (false, false, false) => MediaKind::None,
    }
}
