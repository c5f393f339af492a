//! A program writes a snapshot of its table to disk in a clone, while it keeps updating the table.
//!
//! It does so twice: with the table in a `Vec`, and with the table in an [`Arena`] of huge pages, which
//! takes a fraction of the time to clone.
//!
//! `cargo run --release --example snapshot -- [ROWS] [FOLDER]`

use std::{
    env, fs,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    ops::DerefMut,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use qclone::heap::{Arena, Inheritance};

type AnyError = Box<dyn std::error::Error>;
type Balances = Box<dyn DerefMut<Target = [i64]>>;

static ARENA: Arena = Arena::new(Inheritance::Inherited);

/// Accounts that exchange money. The sum is always [`BALANCE`] times their number.
struct Table {
    balances: Balances,
    updates: u64,
    random: u64,
}

impl Table {
    fn new(mut balances: Balances) -> Self {
        balances.fill(BALANCE);
        Self { balances, updates: 0, random: 0x9e37_79b9_7f4a_7c15 }
    }

    /// Moves money between accounts picked at random.
    fn update(&mut self) {
        for _ in 0..UPDATES_AT_A_TIME {
            let (from, to) = (self.pick(), self.pick());
            self.balances[from] -= 1;
            self.balances[to] += 1;
            self.updates += 1;
        }
    }

    /// Picks a random account, with xorshift.
    fn pick(&mut self) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 32).unwrap_or(0) % self.balances.len()
    }

    /// Writes the table. The file appears in full or not at all.
    fn write(&self, path: &Path) -> io::Result<()> {
        let unfinished = path.with_extension("tmp");
        let mut file = BufWriter::new(File::create(&unfinished)?);
        file.write_all(&self.updates.to_le_bytes())?;
        for balance in self.balances.iter() {
            file.write_all(&balance.to_le_bytes())?;
        }
        file.into_inner()?.sync_all()?;
        fs::rename(unfinished, path)
    }
}

/// Reads a file back. Returns the number of updates it includes, and the sum of the balances.
fn read(path: &Path) -> io::Result<(u64, i64)> {
    let mut bytes = Vec::new();
    BufReader::new(File::open(path)?).read_to_end(&mut bytes)?;
    let (words, _) = bytes.as_chunks();
    let sum = words.iter().skip(1).map(|word| i64::from_le_bytes(*word)).sum();
    Ok((words.first().map_or(0, |word| u64::from_le_bytes(*word)), sum))
}

fn snapshot(balances: Balances, path: &Path) -> Result<(), AnyError> {
    let mut table = Table::new(balances);
    let rows = table.balances.len();
    (0..1000).for_each(|_| table.update());
    let begun = Instant::now();
    table.write(path).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    println!("{rows} rows written in process: no update for {:.1?}", begun.elapsed());

    let begun = Instant::now();
    let updates_before = table.updates;
    let mut clone = qclone::spawn(&qclone::Options::default(), || match table.write(path) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("cannot write {}: {error}", path.display());
            1
        }
    })?;
    let forked = begun.elapsed();
    let mut longest = forked;
    let status = loop {
        let step = Instant::now();
        table.update();
        let status = clone.try_wait()?;
        longest = longest.max(step.elapsed());
        if let Some(status) = status {
            break status;
        }
    };
    let updates = table.updates - updates_before;
    println!("written in a clone, in {:.1?}: {updates} updates meanwhile,", begun.elapsed());
    println!("  no update for {longest:.1?} at the longest; {forked:.1?} to make the clone");
    if !status.success() {
        return Err(status.to_string().into());
    }

    let expected = (updates_before, BALANCE * i64::try_from(rows)?);
    let found = read(path)?;
    if found != expected {
        return Err(format!("updates and sum should be {expected:?}, and are {found:?}").into());
    }
    println!("read back: the table as of update {updates_before}, and its balances add up");
    Ok(())
}

fn compare(rows: usize, path: &Path) -> Result<(), AnyError> {
    println!("In a Vec:");
    snapshot(Box::new(vec![0; rows]), path)?;
    println!("In an arena:");
    snapshot(Box::new(ARENA.alloc(rows)?), path)
}

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let rows = arguments.next().map_or(Some(DEFAULT_ROWS), |rows| rows.to_str()?.parse().ok());
    let folder = arguments.next().map_or_else(env::temp_dir, PathBuf::from);
    let (Some(rows @ 1..), None, true) = (rows, arguments.next(), folder.is_dir()) else {
        eprintln!("usage: snapshot [ROWS] [FOLDER]: a number above 0, and a folder that exists");
        return ExitCode::from(2);
    };
    let path = folder.join(format!("qclone-snapshot-{}.bin", std::process::id()));
    let result = compare(rows, &path);
    for left in [path.with_extension("tmp"), path] {
        let _ = fs::remove_file(left);
    }
    result.map_or_else(
        |error| {
            eprintln!("snapshot: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

const BALANCE: i64 = 1_000;
const DEFAULT_ROWS: usize = 20_000_000;
const UPDATES_AT_A_TIME: u32 = 100;
