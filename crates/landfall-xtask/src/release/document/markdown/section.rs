//! Sections that share a limited room: the long ones give way, and say what they left out.

use crate::text;

/// In bytes: what a section says of what it left out.
const NOTE: usize = 100;

/// A heading with what is below it, all of it Markdown.
#[derive(Default)]
pub(super) struct Section {
    /// With a blank line at its end, or the head of a table.
    pub(super) head: String,
    /// Each ends its line. The last ones may be left out.
    pub(super) items: Vec<String>,
    /// What closes the items.
    pub(super) tail: String,
    /// What an item is called: `step`.
    pub(super) item: &'static str,
    /// Whether the head says something where there is no item.
    pub(super) stands_alone: bool,
}

/// Those that say something, one after the other, in no more than `limit` bytes.
pub(super) fn within(mut sections: Vec<Section>, limit: usize) -> String {
    sections.retain(|section| section.stands_alone || !section.items.is_empty());
    let lengths: Vec<_> = sections.iter().map(Section::len).collect();
    let share = share(lengths, limit);
    sections.iter().map(|section| section.within(share)).collect()
}

/// How long each may be at most, so that all of them are no longer than `limit`: what the short ones do not need is the others'.
fn share(mut lengths: Vec<usize>, limit: usize) -> usize {
    lengths.sort_unstable();
    let mut left = limit;
    for (index, &length) in lengths.iter().enumerate() {
        let share = left / (lengths.len() - index);
        if length > share {
            return share;
        }
        left -= length;
    }
    limit
}

impl Section {
    fn len(&self) -> usize {
        // With the blank line after it.
        self.head.len() + self.items.iter().map(String::len).sum::<usize>() + self.tail.len() + 1
    }

    fn within(&self, limit: usize) -> String {
        let shown = if self.len() <= limit { self.items.len() } else { self.fitting(limit) };
        let left_out = (self.items.len() - shown) as u64;
        let note = match left_out {
            0 => String::new(),
            _ => format!("\n*{} left out: GitHub shows no more.*\n", text::count(left_out, self.item)),
        };
        format!("{}{}{}{note}\n", self.head, self.items[..shown].concat(), self.tail)
    }

    /// How many items fit, with a note below them.
    fn fitting(&self, limit: usize) -> usize {
        let mut left = limit.saturating_sub(self.head.len() + self.tail.len() + NOTE);
        let fits = |item: &&String| {
            let fits = item.len() <= left;
            left = left.saturating_sub(item.len());
            fits
        };
        self.items.iter().take_while(fits).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(items: usize) -> Section {
        let head = "### Steps\n\n".to_owned();
        Section { head, items: vec!["- a step\n".to_owned(); items], item: "step", ..Section::default() }
    }

    #[test]
    fn sections_that_fit_are_whole() {
        assert_eq!(within(vec![section(2), section(0)], 100), "### Steps\n\n- a step\n- a step\n\n");
    }

    #[test]
    fn a_long_section_gives_way_to_the_short_ones() {
        let text = within(vec![section(5_000), section(2)], 500);
        assert!(text.len() <= 500, "{text}");
        assert!(text.contains("- a step\n\n*4,961 steps left out: GitHub shows no more.*\n"), "{text}");
        assert!(text.ends_with("### Steps\n\n- a step\n- a step\n\n"), "{text}");
    }

    #[test]
    fn what_the_short_ones_do_not_need_is_the_others() {
        assert_eq!(share(vec![10, 500, 20, 600], 430), 200);
        assert_eq!(share(vec![10, 20], 100), 100);
    }

    #[test]
    fn a_head_that_says_something_stays_without_items() {
        let top = Section { head: "## Title\n".to_owned(), stands_alone: true, ..Section::default() };
        assert_eq!(within(vec![top], 100), "## Title\n\n");
    }
}
