//! What a column of some affinity makes of a value (<https://www.sqlite.org/datatype3.html>, section 3).
//!
//! SQLite itself is the judge. Plain values are answered here, since every value of a table may be asked about; a test holds
//! those answers against SQLite's.

use std::io::Write as _;

use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::schema::Affinity;

/// Beyond this a real no longer holds every integer.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Digits that always fit an `i64`.
const DIGITS: usize = 18;

/// Stores values as a column would.
#[derive(Default)]
pub(crate) struct Store {
    /// Opened for the first value that only SQLite can tell.
    conn: Option<Connection>,
}

impl Store {
    /// Calls `then` with the value as a column of this affinity stores it.
    pub(crate) fn as_stored<T>(
        &mut self,
        value: ValueRef<'_>,
        affinity: Affinity,
        then: impl FnOnce(ValueRef<'_>) -> T,
    ) -> rusqlite::Result<T> {
        match plainly(value, affinity, &mut [0; 20]) {
            Some(stored) => Ok(then(stored)),
            None => self.ask(value, affinity, then),
        }
    }

    fn ask<T>(
        &mut self,
        value: ValueRef<'_>,
        affinity: Affinity,
        then: impl FnOnce(ValueRef<'_>) -> T,
    ) -> rusqlite::Result<T> {
        let conn = match &self.conn {
            Some(conn) => conn,
            None => self.conn.insert(table_of_one_row()?),
        };
        let (update, select) = match affinity {
            Affinity::Integer => ("UPDATE store SET i = ?1", "SELECT i FROM store"),
            Affinity::Text => ("UPDATE store SET t = ?1", "SELECT t FROM store"),
            Affinity::Blob => ("UPDATE store SET b = ?1", "SELECT b FROM store"),
            Affinity::Real => ("UPDATE store SET r = ?1", "SELECT r FROM store"),
            Affinity::Numeric => ("UPDATE store SET n = ?1", "SELECT n FROM store"),
        };
        conn.prepare_cached(update)?.execute([ToSqlOutput::Borrowed(value)])?;
        let mut statement = conn.prepare_cached(select)?;
        let mut rows = statement.query([])?;
        let Some(row) = rows.next()? else { return Err(rusqlite::Error::QueryReturnedNoRows) };
        Ok(then(row.get_ref(0)?))
    }
}

fn table_of_one_row() -> rusqlite::Result<Connection> {
    let conn = Connection::open_in_memory()?;
    conn.execute_batch(
        "CREATE TABLE store (i INTEGER, t TEXT, b BLOB, r REAL, n NUMERIC); INSERT INTO store DEFAULT VALUES",
    )?;
    Ok(conn)
}

/// What is stored, where that is certain without SQLite. Digits are written into `text`, which holds any `i64`.
fn plainly<'v>(value: ValueRef<'v>, affinity: Affinity, text: &'v mut [u8; 20]) -> Option<ValueRef<'v>> {
    match (value, affinity) {
        (ValueRef::Null | ValueRef::Blob(_), _) | (_, Affinity::Blob) => Some(value),
        (ValueRef::Text(_), Affinity::Text) => Some(value),
        (ValueRef::Integer(_), Affinity::Integer | Affinity::Numeric) => Some(value),
        // A column of type REAL has no -0.0: it keeps whole numbers as integers.
        (ValueRef::Real(r), Affinity::Real) => Some(ValueRef::Real(r + 0.0)),
        (ValueRef::Integer(i), Affinity::Real) => Some(ValueRef::Real(i as f64)),
        (ValueRef::Integer(i), Affinity::Text) => digits(i, text).map(ValueRef::Text),
        (ValueRef::Real(_), Affinity::Text) => None,
        (ValueRef::Real(r), Affinity::Integer | Affinity::Numeric) if r.abs() < EXACT => {
            Some(if r.fract() == 0.0 { ValueRef::Integer(r as i64) } else { value })
        }
        (ValueRef::Real(_), Affinity::Integer | Affinity::Numeric) => None,
        (ValueRef::Text(bytes), _) if is_no_number(bytes) => Some(value),
        (ValueRef::Text(bytes), Affinity::Real) => {
            integer(bytes).map(|i| i as f64).filter(|r| r.abs() < EXACT).map(ValueRef::Real)
        }
        (ValueRef::Text(bytes), Affinity::Integer | Affinity::Numeric) => {
            integer(bytes).map(ValueRef::Integer)
        }
    }
}

fn digits(integer: i64, text: &mut [u8; 20]) -> Option<&[u8]> {
    let mut rest = text.as_mut_slice();
    write!(rest, "{integer}").ok()?;
    let length = 20 - rest.len();
    text.get(..length)
}

/// An integer as SQLite itself would write it, of no more digits than are certain to fit.
fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let plain = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.len() < DIGITS && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    std::str::from_utf8(text).ok().filter(|_| plain)?.parse().ok()
}

/// A byte that no number has, or a sign right behind a digit, as in a date.
fn is_no_number(text: &[u8]) -> bool {
    // What stands at or below a space may be a space to SQLite, or its end of a text.
    let foreign = |byte: &u8| !matches!(byte, 0..=b' ' | b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let sign_behind_digit = |pair: &[u8]| pair[0].is_ascii_digit() && matches!(pair[1], b'+' | b'-');
    text.is_empty() || text.iter().any(foreign) || text.windows(2).any(sign_behind_digit)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;
    use crate::value::Value;

    const AFFINITIES: [Affinity; 5] =
        [Affinity::Integer, Affinity::Text, Affinity::Blob, Affinity::Real, Affinity::Numeric];

    const TEXTS: &[&str] = &[
        "",
        " ",
        "-",
        "+",
        ".",
        "e",
        "E5",
        "0",
        "-0",
        "+0",
        "00",
        "01",
        "-01",
        "+1",
        " 1",
        "1 ",
        "\t1\n",
        "1\x00",
        "\x001",
        "1\x002",
        "1_000",
        "1,5",
        "1e3",
        "1E3",
        "1e",
        "1e+",
        "1e-3",
        "-1e300",
        "1e400",
        "0x10",
        "0X1F",
        "1.0",
        "1.",
        ".5",
        "-.5",
        "5.e1",
        "9.50",
        "1.5",
        "--1",
        "1-1",
        "1+1",
        "2024-01-01",
        "2024-01-01 10:00:00",
        "12:30",
        "inf",
        "-inf",
        "Infinity",
        "nan",
        "NaN",
        "true",
        "abc",
        "12abc",
        "ä",
        "1ä",
        "٣",
        "999999999999999999",
        "-999999999999999999",
        "1000000000000000000",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "-9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "9223372036854775807.0",
        "100000000000000000000",
        "1e18",
        "1e19",
        "0.1",
        "0.30000000000000004",
    ];

    const REALS: &[f64] = &[
        0.0,
        -0.0,
        0.5,
        -0.5,
        1.0,
        -1.0,
        1.5,
        1e15,
        1e16,
        1e17,
        1e18,
        1e19,
        1e300,
        -1e300,
        5e-324,
        f64::MAX,
        f64::MIN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        9_007_199_254_740_991.0,
        9_007_199_254_740_992.0,
        9_007_199_254_740_994.0,
        140_737_488_355_328.0,
        281_474_976_710_656.0,
        9_223_372_036_854_774_784.0,
        9_223_372_036_854_775_808.0,
        -9_223_372_036_854_775_808.0,
        0.1,
        0.2,
        1e-7,
        123_456_789.123,
    ];

    const INTEGERS: &[i64] = &[
        0,
        1,
        -1,
        9,
        10,
        -10,
        i64::MAX,
        i64::MIN,
        i64::MAX - 1,
        i64::MIN + 1,
        1 << 47,
        (1 << 47) - 1,
        -(1 << 47),
        1 << 53,
        (1 << 53) + 1,
        (1 << 53) - 1,
        -(1 << 53) - 1,
        999_999_999_999_999_999,
        4_611_686_018_427_387_905,
    ];

    /// SplitMix64.
    fn next(seed: &mut u64) -> u64 {
        *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn values() -> Vec<Value> {
        let mut seed = 8;
        let mut values = vec![Value::Null, Value::Blob(vec![]), Value::Blob(b"12".to_vec())];
        values.extend(TEXTS.iter().map(|text| Value::Text(text.as_bytes().to_vec())));
        values.push(Value::Text(vec![0xff, b'1']));
        values.extend(REALS.iter().map(|real| Value::Real(*real)));
        values.extend(INTEGERS.iter().map(|integer| Value::Integer(*integer)));
        for alphabet in
            ["0123456789", "019-+", "059.eE+- ", "0123456789-:. ", "1e \t\n\u{b}\u{c}\r\0", "12aexinf."]
        {
            let alphabet = alphabet.as_bytes();
            for _ in 0..6_000 {
                let length = next(&mut seed) % 21;
                let byte = |_| alphabet[next(&mut seed) as usize % alphabet.len()];
                values.push(Value::Text((0..length).map(byte).collect()));
            }
        }
        for _ in 0..10_000 {
            let bits = next(&mut seed);
            let short = (bits as i64) >> (next(&mut seed) % 64);
            values.push(Value::Integer(short));
            values.push(Value::Text(short.to_string().into_bytes()));
            let halves = short as f64 / f64::from(1 << (bits % 3));
            values
                .extend([halves, f64::from_bits(bits)].into_iter().filter(|r| !r.is_nan()).map(Value::Real));
        }
        values
    }

    /// As text, so that no two values are equal that are not the same.
    fn bits(value: &Value) -> String {
        match value {
            Value::Real(real) => format!("real {:x}", real.to_bits()),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn plain_answers_are_those_of_sqlite() {
        let mut store = Store::default();
        let (mut plain, mut asked) = (0, 0);
        for value in values() {
            for affinity in AFFINITIES {
                let expected = store.ask(value.as_ref(), affinity, |v| Value::from(v)).unwrap();
                match plainly(value.as_ref(), affinity, &mut [0; 20]) {
                    Some(stored) => {
                        plain += 1;
                        assert_eq!(bits(&stored.into()), bits(&expected), "{value:?} as {affinity:?}");
                    }
                    None => asked += 1,
                }
            }
        }
        assert!(plain > asked && asked > 10_000, "{plain} plain, {asked} asked: one side is hardly tested");
    }

    #[test]
    fn what_tables_mostly_hold_is_plain() {
        let text = |text: &'static str| ValueRef::Text(text.as_bytes());
        let cases = [
            (text("42"), Affinity::Integer),
            (text("-7"), Affinity::Numeric),
            (text("2024-01-01 10:00:00"), Affinity::Numeric),
            (text("Main Street 12"), Affinity::Integer),
            (text("0"), Affinity::Real),
            (ValueRef::Integer(42), Affinity::Text),
            (ValueRef::Integer(42), Affinity::Real),
            (ValueRef::Real(42.0), Affinity::Integer),
            (ValueRef::Real(4.25), Affinity::Numeric),
        ];
        for (value, affinity) in cases {
            assert!(plainly(value, affinity, &mut [0; 20]).is_some(), "{value:?} as {affinity:?}");
        }
    }
}
