//! Goes through what names what without calling itself: a chain may be longer than the stack of a thread is.

use std::collections::{BTreeMap, BTreeSet};

use super::size::{DEPTH, Size};
use super::statement::{Arm, Item, Mention, Of, Said, Source, Star, Statement};

/// What a view or an expression takes of SQLite beside what it says, in parts (30 us).
const QUERY: u64 = 30;

/// Something that SQLite copies; the first number is the statement's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    /// A query with all that is in it.
    Query(usize, usize),
    /// A column of a query, by folded name.
    Column(usize, usize, String),
    /// One item of one arm.
    Item(usize, usize, usize),
    /// Whichever item of an arm is largest.
    Any(usize, usize),
}

pub(super) type Sizes = BTreeMap<Node, Size>;

pub(super) struct Count<'s> {
    pub(super) statements: &'s [Statement],
    /// The one that is asked for, which is none of them.
    pub(super) asked: Option<&'s Statement>,
    /// Which of the statements are views, by folded name.
    pub(super) views: &'s BTreeMap<String, usize>,
    /// The tables with generated columns.
    pub(super) tables: &'s BTreeMap<String, Size>,
    /// What is known before.
    pub(super) known: &'s Sizes,
    pub(super) found: Sizes,
}

/// A node on the way.
struct Way {
    node: Node,
    /// What it says itself.
    own: Size,
    /// What it says, with all that this names.
    said: Size,
    /// What it reads from: SQLite copies this, or takes the columns that are named out of it.
    read: Size,
    /// The nodes that it names and that are not added yet.
    left: Vec<(Role, Node)>,
}

/// What one node is to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Said,
    Read,
}

impl Way {
    fn add(&mut self, role: Role, node: &Node, other: Size) {
        // The query of the column is counted where it is named.
        let other = if let Node::Column(..) = node { Size { copies: 0, ..other } } else { other };
        match (role, &self.node) {
            (Role::Read, _) => self.read = self.read.and(other),
            (Role::Said, Node::Any(..)) => self.said = self.said.or(other),
            (Role::Said, Node::Item(..)) => {
                let work = self.said.work.max(other.work);
                self.said = Size { work, ..self.said.and(other) };
            }
            (Role::Said, _) => self.said = self.said.and(other),
        }
    }

    /// With all that is added.
    fn size(&self) -> Size {
        let (said, read) = (self.own.and(self.said), self.read);
        Size {
            copies: said.copies.saturating_add(read.copies),
            height: self.own.height.saturating_add(self.said.height).max(read.height),
            ..said.or(read)
        }
    }

    fn name(&mut self, role: Role, nodes: impl IntoIterator<Item = Node>) {
        self.left.extend(nodes.into_iter().map(|node| (role, node)));
    }
}

/// Whether a query has a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Has {
    No,
    /// It may come with a `*`.
    Perhaps,
    Yes,
}

impl Count<'_> {
    pub(super) fn size(&mut self, whole: Node) -> Size {
        let mut under_way = BTreeSet::from([whole.clone()]);
        let mut ways = vec![(Role::Said, self.way(whole))];
        let mut result = Size::default();
        while let Some((_, way)) = ways.last_mut() {
            let Some((role, node)) = way.left.pop() else {
                let Some((role, ended)) = ways.pop() else { break };
                result = self.whole(&ended);
                under_way.remove(&ended.node);
                if let Some((_, outer)) = ways.last_mut() {
                    outer.add(role, &ended.node, result);
                }
                self.found.insert(ended.node, result);
                continue;
            };
            if let Some(size) = self.found.get(&node).or_else(|| self.known.get(&node)) {
                way.add(role, &node, *size);
            } else if under_way.insert(node.clone()) {
                // What names itself is refused by SQLite, or is taken once.
                ways.push((role, self.way(node)));
            }
        }
        result
    }

    fn statement(&self, number: usize) -> Option<&Statement> {
        self.statements.get(number).or(self.asked)
    }

    fn arm(&self, number: usize, arm: usize) -> Option<&Arm> {
        self.statement(number)?.arms.get(arm)
    }

    /// What a node is in the end, when all that it names is added.
    fn whole(&self, way: &Way) -> Size {
        let mut size = way.size();
        let parts = match way.node {
            Node::Query(number, query) => {
                let statement = self.statement(number);
                statement.filter(|statement| statement.queries[query].has_name).map(|_| QUERY)
            }
            Node::Item(number, ..) => {
                self.statement(number).filter(|statement| statement.is_table).map(|_| 0)
            }
            Node::Column(..) | Node::Any(..) => None,
        };
        if let Some(parts) = parts {
            size = size.and(Size { copies: 1, parts, work: parts, ..Size::default() });
            size.depth += 1;
        }
        size.parts = size.parts.max(1);
        if let Node::Item(..) = way.node {
            // Each view in between takes SQLite one more look at all that is copied until then.
            size.work = way.said.work.saturating_add(size.parts);
        }
        size
    }

    fn way(&self, node: Node) -> Way {
        let none = Size::default();
        let mut way = Way { node, own: none, said: none, read: none, left: Vec::new() };
        match way.node.clone() {
            Node::Query(number, query) => self.query(number, query, &mut way),
            Node::Column(number, query, name) => way.name(Role::Said, self.of_column(number, query, &name)),
            Node::Item(number, arm, item) => self.item(number, arm, item, &mut way),
            Node::Any(number, arm) => {
                let items = self.arm(number, arm).into_iter().flat_map(|arm| 0..arm.items.len());
                way.name(Role::Said, items.map(|item| Node::Item(number, arm, item)));
            }
        }
        way
    }

    fn query(&self, number: usize, query: usize, way: &mut Way) {
        let Some(statement) = self.statement(number) else { return };
        for arm in &statement.queries[query].arms {
            let of = &statement.arms[*arm];
            for source in &of.sources {
                match &source.of {
                    Of::Name(name) => self.named(number, name, way),
                    Of::Query(query) => way.name(Role::Read, [Node::Query(number, *query)]),
                }
            }
            of.tables.iter().for_each(|name| self.named(number, name, way));
            self.said(number, *arm, &of.rest, true, way);
            // A table is its columns where they are named.
            if !statement.is_table {
                way.name(Role::Said, (0..of.items.len()).map(|item| Node::Item(number, *arm, item)));
            }
        }
    }

    fn named(&self, number: usize, name: &str, way: &mut Way) {
        let queries = self.queries_of(number, name);
        if queries.is_empty()
            && let Some(size) = self.tables.get(name)
        {
            way.read = way.read.and(*size);
        }
        way.name(Role::Read, queries.into_iter().map(|(number, query)| Node::Query(number, query)));
    }

    fn item(&self, number: usize, arm: usize, item: usize, way: &mut Way) {
        let Some(of) = self.arm(number, arm) else { return };
        let Item { said, star, .. } = &of.items[item];
        if let Some(star) = star {
            let queries = sources(of, star).flat_map(|source| self.queries(number, source));
            let nodes: Vec<_> = queries.flat_map(|(number, query)| self.any(number, query)).collect();
            way.name(Role::Said, nodes);
        }
        self.said(number, arm, said, false, way);
    }

    fn said(&self, number: usize, arm: usize, said: &Said, is_rest: bool, way: &mut Way) {
        way.own = way.own.and(said.size);
        for mention in &said.mentions {
            let found = self.mentioned(number, arm, mention, is_rest);
            if found.is_empty() {
                way.own = way.own.and(Size { parts: 1, work: 1, ..Size::default() });
            }
            way.name(Role::Said, found);
        }
        way.name(Role::Said, said.queries.iter().map(|query| Node::Query(number, *query)));
    }

    /// The queries that a name means.
    fn queries_of(&self, number: usize, name: &str) -> Vec<(usize, usize)> {
        let own = self.statement(number).and_then(|statement| statement.expressions.get(name));
        match own {
            Some(queries) => queries.iter().map(|query| (number, *query)).collect(),
            None => self.views.get(name).map(|view| (*view, 0)).into_iter().collect(),
        }
    }

    fn queries(&self, number: usize, source: &Source) -> Vec<(usize, usize)> {
        match &source.of {
            Of::Name(name) => self.queries_of(number, name),
            Of::Query(query) => vec![(number, *query)],
        }
    }

    /// The columns that a name can mean, in the arm or in those around it.
    fn mentioned(&self, number: usize, arm: usize, mention: &Mention, is_rest: bool) -> Vec<Node> {
        let Some(statement) = self.statement(number) else { return Vec::new() };
        let items = |arm: usize| {
            let items = statement.arms[arm].items.iter().enumerate();
            let named = items.filter(|(_, item)| item.name.as_ref() == Some(&mention.name));
            named.map(move |(item, _)| Node::Item(number, arm, item)).collect::<Vec<_>>()
        };
        if statement.is_table {
            return items(arm);
        }
        let mut found = Vec::new();
        let (mut at, mut levels) = (Some(arm), 0);
        while let Some(arm) = at.filter(|_| levels < DEPTH) {
            let of = &statement.arms[arm];
            let mut has = self.of_sources(number, of, mention.source.as_deref(), &mention.name, &mut found);
            if has == Has::No && is_rest && levels == 0 && mention.source.is_none() {
                found.extend(items(arm));
                has = if found.is_empty() { Has::No } else { Has::Yes };
            }
            if has == Has::Yes {
                break;
            }
            at = statement.queries[of.query].outer;
            levels += 1;
        }
        found
    }

    fn of_sources(
        &self,
        number: usize,
        arm: &Arm,
        source: Option<&str>,
        name: &str,
        found: &mut Vec<Node>,
    ) -> Has {
        let mut has = Has::No;
        for of in arm.sources.iter().filter(|of| source.is_none_or(|source| of.name == source)) {
            for (number, query) in self.queries(number, of) {
                match self.has(number, query, name) {
                    Has::No => continue,
                    Has::Yes => has = Has::Yes,
                    Has::Perhaps if has == Has::No => has = Has::Perhaps,
                    Has::Perhaps => {}
                }
                found.push(Node::Column(number, query, name.to_owned()));
            }
        }
        has
    }

    fn has(&self, number: usize, query: usize, name: &str) -> Has {
        let Some(statement) = self.statement(number) else { return Has::No };
        let query = &statement.queries[query];
        if !query.columns.is_empty() {
            return if query.columns.iter().any(|column| column == name) { Has::Yes } else { Has::No };
        }
        let Some(first) = query.arms.first().map(|arm| &statement.arms[*arm]) else { return Has::No };
        if first.items.iter().any(|item| item.name.as_deref() == Some(name)) {
            Has::Yes
        } else if first.items.iter().any(|item| item.star.is_some()) || is_made_up(name) {
            Has::Perhaps
        } else {
            Has::No
        }
    }

    fn of_column(&self, number: usize, query: usize, name: &str) -> Vec<Node> {
        let Some(statement) = self.statement(number) else { return Vec::new() };
        let of = &statement.queries[query];
        let Some((first, others)) = of.arms.split_first() else { return Vec::new() };
        let items = &statement.arms[*first].items;
        let given = of.columns.iter().position(|column| column == name);
        let listed = || items.iter().position(|item| item.name.as_deref() == Some(name));
        let at = given.or_else(|| if of.columns.is_empty() { listed() } else { None });
        let in_arm = |arm: usize, at: usize| {
            let items = &statement.arms[arm].items;
            match items.iter().take(at + 1).any(|item| item.star.is_some()) {
                true => Node::Any(number, arm),
                false => Node::Item(number, arm, at.min(items.len().saturating_sub(1))),
            }
        };
        let has_items = |arm: &usize| !statement.arms[*arm].items.is_empty();
        let of_first = match (given, at) {
            (None, Some(at)) => vec![Node::Item(number, *first, at)],
            (_, Some(at)) if has_items(first) => vec![in_arm(*first, at)],
            (_, Some(_)) => Vec::new(),
            (_, None) if is_made_up(name) => vec![Node::Any(number, *first)],
            (_, None) => self.through_stars(number, &statement.arms[*first], name),
        };
        let of_others = others.iter().filter(|arm| has_items(arm)).map(|arm| match at {
            Some(at) => in_arm(*arm, at),
            None => Node::Any(number, *arm),
        });
        of_first.into_iter().chain(of_others).collect()
    }

    fn through_stars(&self, number: usize, arm: &Arm, name: &str) -> Vec<Node> {
        let mut found = Vec::new();
        for star in arm.items.iter().filter_map(|item| item.star.as_ref()) {
            self.of_sources(number, arm, star.0.as_deref(), name, &mut found);
        }
        found
    }

    fn any(&self, number: usize, query: usize) -> Vec<Node> {
        let arms = self.statement(number).map(|statement| statement.queries[query].arms.as_slice());
        arms.unwrap_or_default().iter().map(|arm| Node::Any(number, *arm)).collect()
    }
}

fn sources<'a>(arm: &'a Arm, star: &'a Star) -> impl Iterator<Item = &'a Source> {
    arm.sources.iter().filter(|source| star.0.as_ref().is_none_or(|name| source.name == *name))
}

/// Whether SQLite could have made a name up: the expression itself, `column1`, or `x:1` where two have one name.
fn is_made_up(name: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    let numbered = name.strip_prefix("column").filter(|number| !number.is_empty());
    !name.chars().all(is_part)
        || numbered.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}
