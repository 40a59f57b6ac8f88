//! The size of a volume, as Fly reads it: whole gigabytes, with or without the unit.

/// What to write instead of another text.
pub(super) const REMEDY: &str = "write it as in: initial_size = \"10gb\"";

/// Fly's largest, in gigabytes.
const LARGEST: u32 = 500;

/// `10gb`, `10GB`, `10`; `None` for any other text, and for a size that Fly has not.
pub(super) fn gigabytes(text: &str) -> Option<u32> {
    let lower = text.trim().to_ascii_lowercase();
    let number = lower.strip_suffix("gb").unwrap_or(&lower).trim_end();
    number.parse().ok().filter(|size| (1..=LARGEST).contains(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_whole_gigabytes() {
        assert_eq!(["10gb", "10GB", "10", " 3 GB"].map(gigabytes), [Some(10), Some(10), Some(10), Some(3)]);
        assert_eq!(["", "0", "501", "1tb", "512mb", "1.5gb", "-1"].map(gigabytes), [None; 7]);
    }
}
