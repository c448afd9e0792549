//! Subtitles of pictures as Blu-ray discs have them (presentation graphics): a white box that comes, moves and goes, so that
//! what is on screen depends on packets long before.

/// Each box comes and goes within this time.
const PERIOD_US: i64 = 70_000_000;
/// When it comes, moves, moves back and goes.
const STEPS_US: [i64; 4] = [1_000_000, 21_000_000, 41_000_000, 61_000_000];
/// The step that ends it.
const LAST: usize = STEPS_US.len() - 1;

/// The packets of boxes over all of a film of this size, each with its time in microseconds. A box has an eighth of the film's
/// sides and lies at three quarters of its height: at a quarter of its width, then at three, then at the first place again.
pub fn packets(size: (u32, u32), duration_us: i64) -> impl Iterator<Item = (i64, Vec<u8>)> {
    let periods = (0..duration_us.max(1)).step_by(PERIOD_US as usize);
    let steps = periods.flat_map(|begin| STEPS_US.map(|at| begin + at));
    let numbered = steps.enumerate().take_while(move |(_, at)| *at < duration_us);
    numbered.map(move |(n, at)| (at, display_set(size, n % STEPS_US.len(), n as u16)))
}

/// Where a box lies, and how large it is.
fn place((width, height): (u32, u32), step: usize) -> [u16; 4] {
    let x = width / 4 + width / 2 * step as u32 - width / 16;
    let y = height * 3 / 4 - height / 16;
    [x, y, width / 8, height / 8].map(|side| side as u16)
}

/// A display set: the first defines all that those after it refer to.
fn display_set(size: (u32, u32), step: usize, number: u16) -> Vec<u8> {
    let is_first = step == 0;
    let (width, height) = (size.0 as u16, size.1 as u16);
    let [x, y, box_width, box_height] = place(size, step % 2);
    let mut set = Vec::new();
    let mut composition = [width.to_be_bytes(), height.to_be_bytes()].concat();
    composition.push(0x10);
    composition.extend(number.to_be_bytes());
    composition.extend([if is_first { 0x80 } else { 0 }, 0, 0, u8::from(step < LAST)]);
    if step < LAST {
        composition.extend([0, 0, 0, 0]);
        composition.extend([x.to_be_bytes(), y.to_be_bytes()].concat());
    }
    segment(&mut set, 0x16, &composition);
    let mut windows = vec![1, 0];
    for number in [0, 0, width, height] {
        windows.extend(number.to_be_bytes());
    }
    segment(&mut set, 0x17, &windows);
    if is_first {
        // White in limited range, opaque.
        segment(&mut set, 0x14, &[0, 0, 1, 235, 128, 128, 255]);
        let line = [&[0, 0xc0 | (box_width >> 8) as u8, box_width as u8, 1][..], &[0, 0]].concat();
        let pixels = line.repeat(usize::from(box_height));
        let length = pixels.len() as u32 + 4;
        let mut object = vec![0, 0, 0, 0xc0];
        object.extend(&length.to_be_bytes()[1..]);
        object.extend([box_width.to_be_bytes(), box_height.to_be_bytes()].concat());
        object.extend(pixels);
        segment(&mut set, 0x15, &object);
    }
    segment(&mut set, 0x80, &[]);
    set
}

fn segment(set: &mut Vec<u8>, kind: u8, content: &[u8]) {
    set.push(kind);
    set.extend((content.len() as u16).to_be_bytes());
    set.extend(content);
}
