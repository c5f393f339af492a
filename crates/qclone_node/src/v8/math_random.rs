//! A new state for `Math.random` in a clone.
//!
//! V8 draws 64 numbers at a time, and keeps them with the generator's state in the context of the
//! function. A fork copies both, so every clone would draw the same numbers, and no API sets them.
//! Replacing the function would not affect code that already holds it.
//!
//! So this module searches memory for them, from the function object to its context and within the
//! context. It changes them only if they are verified: 64 doubles, the number just drawn at the position
//! given by the index, and a state whose top bits are the last double. Any other layout is left alone.
//! See V8's src/numbers/math-random.cc and src/objects/contexts.h.

use std::sync::{Mutex, PoisonError};

use napi::{JsValue, Result, bindgen_prelude::Function};
use napi_derive::napi;
use qclone::peek;

use crate::io::random;

const WORD: usize = size_of::<usize>();
/// Number of doubles that V8 draws at a time.
const CACHED: usize = 64;
/// Words before an array's elements: its map and its length.
const HEADER: usize = 2;
/// Words of a function object to search for the reference to its context.
const FUNCTION_WORDS: usize = 12;
/// Words of a context to search. V8's own contexts have a few hundred slots.
const CONTEXT_WORDS: usize = 1024;
/// Maximum distance between the slots of index, state and numbers.
const NEIGHBOURHOOD: usize = 3;

/// Places of the generator, in words. They are the same for every context of a process.
#[derive(Clone, Copy)]
struct Layout {
    /// Slot of the context, in the function object.
    context: usize,
    /// Slot of the number of doubles left, a small integer of V8, in the context.
    index: usize,
    /// Slot of an array of two 64-bit words, the state of xorshift128+, in the context.
    state: usize,
    /// Slot of an array of the doubles, in the context.
    numbers: usize,
}

/// Generator found at these places.
struct Generator {
    index: *mut usize,
    state: *mut [u64; 2],
}

static LAYOUT: Mutex<Option<Layout>> = Mutex::new(None);

/// Finds where V8 keeps the generator of `Math.random`, so that clones need not search. Draws a number.
#[napi]
pub fn find_math_random(random: Function<'_, (), f64>) -> Result<()> {
    let drawn = random.call(())?;
    known_or_found(object(&random), drawn);
    Ok(())
}

/// Gives V8's own `Math.random`, of any context, a new state. Draws a number. Returns false, with nothing
/// else changed, if the generator was not found.
#[napi]
pub fn reseed_math_random(random: Function<'_, (), f64>) -> Result<bool> {
    let drawn = random.call(())?;
    let function = object(&random);
    let Some(generator) = known_or_found(function, drawn) else { return Ok(false) };
    let mut seed = [0; 2];
    for word in &mut seed {
        // A state of zeroes would never change.
        while *word == 0 {
            *word = random_word()?;
        }
    }
    // SAFETY: the place lies within a live array that was recognized. V8 does not run during this, its
    // garbage collector ignores the contents of such an array, and no other thread draws.
    unsafe { generator.state.write(seed) };
    // SAFETY: the place is a slot of a live context. V8 also writes 0 there when no number is left, and a
    // small integer needs no write barrier.
    unsafe { generator.index.write(0) };
    Ok(true)
}

/// Returns the address of the function object.
fn object(function: &Function<'_, (), f64>) -> usize {
    // SAFETY: a napi_value is a V8 handle, the place of a reference, and lives as long as `function`.
    address(unsafe { *function.raw().cast::<usize>() }).unwrap_or(0)
}

/// Returns the generator that drew `drawn` last, for the function object at `function`.
fn known_or_found(function: usize, drawn: f64) -> Option<Generator> {
    let mut known = LAYOUT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(generator) = known.and_then(|layout| recognize(function, layout, drawn)) {
        return Some(generator);
    }
    let layout = find(function, drawn)?;
    *known = Some(layout);
    recognize(function, layout, drawn)
}

fn find(function: usize, drawn: f64) -> Option<Layout> {
    (0..FUNCTION_WORDS).find_map(|context| {
        let slots = read_up_to(referred(function, context)?, CONTEXT_WORDS);
        (0..slots.len()).find_map(|numbers| {
            address(slots[numbers]).filter(|&array| has_number(array, drawn))?;
            let near = numbers.saturating_sub(NEIGHBOURHOOD)..=numbers + NEIGHBOURHOOD;
            near.clone()
                .flat_map(|index| near.clone().map(move |state| Layout { context, index, state, numbers }))
                .find(|&layout| recognize(function, layout, drawn).is_some())
        })
    })
}

/// Returns the generator, if it is at the places in `layout`.
fn recognize(function: usize, layout: Layout, drawn: f64) -> Option<Generator> {
    let context = referred(function, layout.context)?;
    let numbers: [usize; CACHED] = read(elements(referred(context, layout.numbers)?))?;
    let index = word(context, layout.index);
    let [left] = read(index)?;
    let at_index = numbers.get(small_integer(left)?)?;
    let state = elements(referred(context, layout.state)?);
    let is_it = to_u64(*at_index) == drawn.to_bits()
        && is_drawn_from(f64::from_bits(to_u64(numbers[CACHED - 1])), read(state)?.map(to_u64));
    is_it.then_some(Generator { index: index as *mut usize, state: state as *mut [u64; 2] })
}

/// Returns whether `drawn` is in the array.
fn has_number(array: usize, drawn: f64) -> bool {
    let numbers: Option<[usize; CACHED]> = read(elements(array));
    numbers.is_some_and(|numbers| numbers.iter().any(|&number| to_u64(number) == drawn.to_bits()))
}

/// Returns whether V8 made `number` from this state: from the top 52 or 53 bits of its first word or, since
/// V8 14, of the sum of both words.
fn is_drawn_from(number: f64, [first, second]: [u64; 2]) -> bool {
    const BITS_52: f64 = (1_u64 << 52) as f64;
    let is_of = |bits: u64| (number * BITS_52).floor() == (bits >> 12) as f64;
    (0.0..1.0).contains(&number) && (is_of(first) || is_of(first.wrapping_add(second)))
}

/// Returns the address to which word `index` of the object at `at` refers.
fn referred(at: usize, index: usize) -> Option<usize> {
    let [reference] = read(word(at, index))?;
    address(reference)
}

/// Returns the address of word `index` of the object at `at`.
fn word(at: usize, index: usize) -> usize {
    // The supposed object may not be one.
    at.wrapping_add(index * WORD)
}

fn elements(array: usize) -> usize {
    word(array, HEADER)
}

/// Returns the address in a reference, which V8 marks in its lowest bits.
fn address(reference: usize) -> Option<usize> {
    (reference & 0b11 == 0b01 && reference > 0b11).then(|| reference - 1)
}

/// Returns the value of a small integer, which is in a word's upper half.
fn small_integer(word: usize) -> Option<usize> {
    (word & 0xffff_ffff == 0).then_some(word >> 32)
}

fn read<const N: usize>(at: usize) -> Option<[usize; N]> {
    read_up_to(at, N).try_into().ok()
}

/// Reads words from `at` on, up to the end of the mapping.
fn read_up_to(at: usize, count: usize) -> Vec<usize> {
    let mut bytes = vec![0; count * WORD];
    let got = peek(at, &mut bytes);
    let words = bytes[..got].chunks_exact(WORD);
    words.map(|word| word.try_into().map_or(0, usize::from_ne_bytes)).collect()
}

fn to_u64(word: usize) -> u64 {
    u64::try_from(word).unwrap_or(0)
}

fn random_word() -> Result<u64> {
    let mut bytes = [0; 8];
    random::fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}
