//! Search of the output of V8's serializer for values that it loses silently.
//!
//! V8 writes an object whose state is not in its properties as one without properties, and writes nothing
//! for a WebAssembly module. Searching the value itself in JavaScript would take a clone, whose code is
//! cold, about as long as serializing it. A finding here is only a reason to do that search. So bytes that
//! are not understood do no harm: they are also such a reason.
//!
//! The format is the one of V8's src/objects/value-serializer.cc, version 15, and for views the one of
//! `ts/transport/serialize.ts`.

use napi::bindgen_prelude::Uint32Array;
use napi_derive::napi;

/// Objects without properties, which may have lost their state.
const EMPTY: u32 = 1;
/// Something else may be lost.
const SUSPECT: u32 = 2;
/// The value may be too deep to read.
const DEEP: u32 = 4;

/// Depth from which a value counts as deep. V8 reads about 2,000 levels with Node's default stack.
const DEEP_LEVELS: usize = 1000;

/// Inspects the bytes of a value. Returns 0 if the value arrives unchanged, as far as V8 can tell.
/// Otherwise returns the sum of 1 for empty objects, 2 for anything else that may be lost, and 4 for a deep
/// value.
#[napi]
pub fn inspect_serialized(bytes: &[u8]) -> u32 {
    Walk::through(bytes, None).0
}

/// Returns the paths of the empty objects in a value: for each, the number of steps, then the steps from the
/// root. A step into an object is twice the number of its property. A step into an array is the index. A
/// step into a map or a set is the number of a key or value.
#[napi]
pub fn empty_objects(bytes: &[u8]) -> Uint32Array {
    Walk::through(bytes, Some(Vec::new())).1.into()
}

/// Container to which the values being read belong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Root,
    Object,
    /// An array: this many elements, then properties.
    Dense(u32),
    Sparse,
    Map,
    Set,
    /// An error, between two of its parts. Its only value is its message.
    Error,
    /// The cause of an error.
    Cause,
    /// Another part of an error, which is a string.
    Text,
}

struct Frame {
    kind: Kind,
    /// Number of its values read so far, including keys.
    values: u32,
}

impl Frame {
    fn new(kind: Kind) -> Self {
        Self { kind, values: 0 }
    }
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    frames: Vec<Frame>,
    /// Number of causes of errors being read.
    causes: u32,
    seen: u32,
    /// The path of each empty object, if wanted.
    ways: Option<Vec<u32>>,
}

impl<'a> Walk<'a> {
    fn through(bytes: &'a [u8], ways: Option<Vec<u32>>) -> (u32, Vec<u32>) {
        let frames = vec![Frame::new(Kind::Root)];
        let mut walk = Self { bytes, at: 0, frames, causes: 0, seen: 0, ways };
        let whole = walk.header().and_then(|()| walk.run()).is_some();
        let seen = if whole { walk.seen } else { walk.seen | SUSPECT };
        (seen, walk.ways.unwrap_or_default())
    }

    fn header(&mut self) -> Option<()> {
        (self.byte()? == 0xff).then_some(())?;
        self.varint().map(drop)
    }

    /// Reads the value. `None` when the bytes are not understood.
    fn run(&mut self) -> Option<()> {
        loop {
            let frame = self.frames.last_mut()?;
            match frame.kind {
                Kind::Root if frame.values == 1 => return (self.at == self.bytes.len()).then_some(()),
                Kind::Text if frame.values == 1 => drop(self.frames.pop()),
                Kind::Cause if frame.values == 1 => {
                    self.frames.pop();
                    self.causes -= 1;
                }
                Kind::Error => self.part_of_error()?,
                _ => {
                    let tag = self.byte()?;
                    self.value_or_end(tag)?;
                }
            }
        }
    }

    fn part_of_error(&mut self) -> Option<()> {
        match self.byte()? {
            b'E' | b'F' | b'R' | b'S' | b'T' | b'U' => {}
            b'm' => {
                self.count();
                self.frames.push(Frame::new(Kind::Text));
            }
            b's' => self.frames.push(Frame::new(Kind::Text)),
            b'c' => {
                self.causes += 1;
                self.frames.push(Frame::new(Kind::Cause));
            }
            b'.' => {
                // A DOMException has no message of its own.
                if self.frames.last()?.values == 0 {
                    self.seen |= SUSPECT;
                }
                self.close();
            }
            _ => return None,
        }
        Some(())
    }

    fn value_or_end(&mut self, tag: u8) -> Option<()> {
        match tag {
            // Padding.
            0 => {}
            b'-' | b'_' | b'0' | b'T' | b'F' | b'x' | b'y' => self.count(),
            b'N' | b'D' | b'n' => self.skip_value(8)?,
            b'I' | b'U' => {
                self.varint()?;
                self.count();
            }
            b'^' => {
                self.varint()?;
                // Node 20 cannot read an error that is part of its own cause.
                if self.causes > 0 {
                    self.seen |= SUSPECT;
                }
                self.count();
            }
            b'Z' | b'z' => {
                let digits = self.varint()? >> 1;
                self.skip_value(digits)?;
            }
            b'"' => self.one_byte_string()?,
            b'S' | b'c' | b'B' => {
                let length = self.varint()?;
                self.skip_value(length)?;
            }
            b's' => self.frames.push(Frame::new(Kind::Text)),
            _ => return self.rare_value_or_end(tag),
        }
        // The text of a boxed string counts as the box.
        if tag == b's' {
            let below = self.frames.len().checked_sub(2)?;
            self.frames[below].values += 1;
        }
        Some(())
    }

    fn rare_value_or_end(&mut self, tag: u8) -> Option<()> {
        match tag {
            b'o' => self.open(Kind::Object),
            b'A' => {
                let length = self.varint()?;
                self.open(Kind::Dense(u32::try_from(length).ok()?));
            }
            b'a' => {
                self.varint()?;
                self.open(Kind::Sparse);
            }
            b';' => self.open(Kind::Map),
            b'\'' => self.open(Kind::Set),
            b'r' => self.open(Kind::Error),
            b'{' => {
                let properties = self.varint()?;
                if properties == 0 {
                    self.note_empty();
                }
                self.end(|kind| kind == Kind::Object, properties.checked_mul(2)?)?;
            }
            b'$' => {
                let properties = self.varint()?;
                let length = self.varint()?;
                let is_it = |kind| matches!(kind, Kind::Dense(elements) if u64::from(elements) == length);
                self.end(is_it, length.checked_add(properties.checked_mul(2)?)?)?;
            }
            b'@' => {
                let properties = self.varint()?;
                self.varint()?;
                self.end(|kind| kind == Kind::Sparse, properties.checked_mul(2)?)?;
            }
            b':' => {
                let values = self.varint()?;
                self.end(|kind| kind == Kind::Map, values)?;
            }
            b',' => {
                let values = self.varint()?;
                self.end(|kind| kind == Kind::Set, values)?;
            }
            // Its pattern, a string, precedes its flags.
            b'R' => {
                while self.peek()? == 0 {
                    self.at += 1;
                }
                if !matches!(self.byte()?, b'"' | b'c' | b'S') {
                    return None;
                }
                let length = self.varint()?;
                self.skip(length)?;
                self.varint()?;
                self.count();
            }
            b'~' => {
                let length = self.varint()?;
                self.varint()?;
                self.skip_value(length)?;
            }
            // An ArrayBuffer that is transferred separately.
            b't' => {
                self.varint()?;
                self.count();
            }
            b'\\' => self.view()?,
            _ => return None,
        }
        Some(())
    }

    /// A view, as `ts/transport/serialize.ts` writes it.
    fn view(&mut self) -> Option<()> {
        const HERE: u64 = 0xffff_ffff;
        self.varint()?;
        let length = if self.varint()? == HERE { self.varint()? } else { 0 };
        self.skip_value(length)
    }

    fn one_byte_string(&mut self) -> Option<()> {
        let length = self.varint()?;
        let begin = self.at;
        self.skip_value(length)?;
        // Streams have state besides their properties.
        if matches!(&self.bytes[begin..self.at], b"_readableState" | b"_writableState") {
            self.seen |= SUSPECT;
        }
        Some(())
    }

    /// Notes that the topmost frame is an object without properties.
    fn note_empty(&mut self) {
        // Leaves out the root, which has only one value, and the object itself.
        let way = self.frames.get(1..self.frames.len() - 1).unwrap_or_default();
        let is_told = |frame: &Frame| match frame.kind {
            Kind::Object | Kind::Map | Kind::Set => true,
            Kind::Dense(length) => frame.values < length,
            _ => false,
        };
        if !way.iter().all(is_told) {
            self.seen |= SUSPECT;
            return;
        }
        self.seen |= EMPTY;
        if let Some(ways) = &mut self.ways {
            ways.push(u32::try_from(way.len()).unwrap_or(u32::MAX));
            ways.extend(way.iter().map(|frame| frame.values));
        }
    }

    fn open(&mut self, kind: Kind) {
        self.frames.push(Frame::new(kind));
        if self.frames.len() > DEEP_LEVELS {
            self.seen |= DEEP;
        }
    }

    fn end(&mut self, is_it: impl Fn(Kind) -> bool, values: u64) -> Option<()> {
        let frame = self.frames.last()?;
        let right = is_it(frame.kind) && u64::from(frame.values) == values;
        right.then(|| self.close())
    }

    /// Closes the topmost frame, which counts as one more value of the frame below.
    fn close(&mut self) {
        self.frames.pop();
        self.count();
    }

    fn count(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.values = frame.values.saturating_add(1);
        }
    }

    fn skip_value(&mut self, length: u64) -> Option<()> {
        self.skip(length)?;
        self.count();
        Some(())
    }

    fn skip(&mut self, length: u64) -> Option<()> {
        let after = self.at.checked_add(usize::try_from(length).ok()?)?;
        (after <= self.bytes.len()).then(|| self.at = after)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Reads a number with seven bits in each byte, lowest first.
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}
