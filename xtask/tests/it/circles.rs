//! No file uses one that uses it, itself or by way of others: whoever reads a file reads what is below it, and never comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::mem;
use std::path::{Path, PathBuf};
use std::slice;

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ItemUse, UseTree};

use crate::sources;

/// The modules that a file is in, from the crate's root on.
type Module = Vec<String>;
type Uses = BTreeMap<Module, BTreeSet<Module>>;

/// A crate's files, by module.
fn modules(src: &Path) -> BTreeMap<Module, PathBuf> {
    let mut found = BTreeMap::new();
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(src).unwrap().with_extension("");
                let mut module: Module = name.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
                module.pop_if(|last| matches!(last.as_str(), "mod" | "lib" | "main"));
                found.insert(module, path);
            }
        }
    }
    found
}

/// What a file names outside its tests, as it is written.
#[derive(Default)]
struct Named {
    paths: Vec<Vec<String>>,
    /// The tests that are in files of their own.
    tests: Vec<String>,
}

impl Named {
    fn tree(&mut self, tree: &UseTree, before: &[String]) {
        let with = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&path.tree, &with(&path.ident)),
            UseTree::Name(name) => self.paths.push(with(&name.ident)),
            UseTree::Rename(name) => self.paths.push(with(&name.ident)),
            UseTree::Glob(_) => self.paths.push(before.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree, before)),
        }
    }

    /// What a macro is given is no syntax tree.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if path.last().is_none_or(|last| last == ":") => {
                    path.push(ident.to_string());
                }
                TokenTree::Punct(colon) if colon.as_char() == ':' && !path.is_empty() => {
                    path.push(":".to_owned());
                }
                other => {
                    self.written(&mut path);
                    match other {
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        TokenTree::Ident(ident) => path.push(ident.to_string()),
                        _ => {}
                    }
                }
            }
        }
        self.written(&mut path);
    }

    fn written(&mut self, path: &mut Vec<String>) {
        path.retain(|part| part != ":");
        self.named(mem::take(path));
    }

    /// One word is no path out of a file: a variable may be called as a module is, and a macro be given `pub(crate)`.
    fn named(&mut self, path: Vec<String>) {
        self.paths.extend(Some(path).filter(|path| path.len() > 1));
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        match (is_for_tests(&item.attrs), &item.content) {
            (false, _) => visit::visit_item_mod(self, item),
            (true, None) => self.tests.push(item.ident.to_string()),
            (true, Some(_)) => {}
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.tree(&item.tree, &[]);
        }
    }

    /// `pub(super)` uses nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.named(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }
}

/// The file that a path leads to from a module; `None` where it leads out of the crate.
fn leads_to(path: &[String], from: &Module, modules: &BTreeMap<Module, PathBuf>) -> Option<Module> {
    let mut rest = path.iter().map(String::as_str).peekable();
    let mut at = match rest.peek() {
        Some(&"crate") => {
            rest.next();
            Module::new()
        }
        Some(&"self" | &"super") => from.clone(),
        Some(&child) if modules.contains_key(&[from.as_slice(), &[child.to_owned()]].concat()) => {
            from.clone()
        }
        _ => return None,
    };
    while rest.peek() == Some(&"self") {
        rest.next();
    }
    while rest.next_if_eq(&"super").is_some() {
        at.pop();
    }
    for name in rest {
        let below = [at.as_slice(), &[name.to_owned()]].concat();
        if !modules.contains_key(&below) {
            break;
        }
        at = below;
    }
    Some(at)
}

fn uses(src: &Path) -> Uses {
    let modules = modules(src);
    let named = |file: &PathBuf| {
        let mut named = Named::default();
        named.visit_file(&syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap());
        named
    };
    let named: Vec<_> = modules.iter().map(|(module, file)| (module, named(file))).collect();
    let tests = |(module, named): &(&Module, Named)| -> Vec<Module> {
        named.tests.iter().map(|test| [module.as_slice(), slice::from_ref(test)].concat()).collect()
    };
    let tests: Vec<_> = named.iter().flat_map(tests).collect();
    let is_test = |module: &Module| tests.iter().any(|test| module.starts_with(test));
    let used = |(module, named): &(&Module, Named)| {
        let used = named.paths.iter().filter_map(|path| leads_to(path, module, &modules));
        ((*module).clone(), used.filter(|used| used != *module && !is_test(used)).collect())
    };
    named.iter().filter(|(module, _)| !is_test(module)).map(used).collect()
}

/// Each circle with what its files use of it.
fn circles(uses: &Uses) -> Vec<Uses> {
    let pairs = uses.iter().flat_map(|(module, used)| used.iter().map(move |used| (module, used)));
    let graph: DiGraphMap<&Module, ()> = pairs.collect();
    let circles = tarjan_scc(&graph).into_iter().filter(|circle| circle.len() > 1);
    let within = |circle: Vec<&Module>| {
        let used =
            |module: &Module| uses[module].iter().filter(|used| circle.contains(used)).cloned().collect();
        circle.iter().map(|module| ((*module).clone(), used(module))).collect()
    };
    circles.map(within).collect()
}

fn shown(circles: &[Uses]) -> String {
    let name = |module: &Module| if module.is_empty() { "the root".to_owned() } else { module.join("::") };
    let line = |(module, used): (&Module, &BTreeSet<Module>)| {
        format!("{} uses {}\n", name(module), used.iter().map(name).collect::<Vec<_>>().join(", "))
    };
    circles.iter().map(|circle| circle.iter().map(line).collect()).collect::<Vec<String>>().join("\n")
}

#[test]
fn no_file_uses_one_that_uses_it() {
    for src in sources::crates() {
        assert_eq!(shown(&circles(&uses(&src))), "", "{}", src.display());
    }
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let crate_of = |files: &[(&str, &str)]| {
        let src = folder.path().join("src");
        let _ = fs::remove_dir_all(&src);
        for (file, text) in files {
            fs::create_dir_all(src.join(file).parent().unwrap()).unwrap();
            fs::write(src.join(file), text).unwrap();
        }
        shown(&circles(&uses(&src)))
    };
    let two = "a uses b\nb uses a\n";
    for (a, b) in [
        ("use crate::b::B;", "use super::a::A;"),
        ("use super::b;", "fn f() { crate::a::g() }"),
        ("fn f(_: &crate::b::B) {}", "use crate::{a::{self, A}, d};"),
        ("fn f() { println!(\"{}\", crate::b::g(1)) }", "pub(crate) use super::a::*;"),
    ] {
        let all = [("lib.rs", "mod a; mod b; mod c;"), ("a.rs", a), ("b.rs", b), ("c.rs", "use crate::a;")];
        assert_eq!(crate_of(&all), two, "{a} {b}");
        let apart = [("a.rs", a), ("b.rs", "#[cfg(test)]\nmod tests { use crate::a; }")];
        assert_eq!(crate_of(&apart), "");
    }
    let folder = [("a/mod.rs", "mod c; fn f() { c::g() }"), ("a/c.rs", "use super::A;")];
    assert_eq!(crate_of(&folder), "a uses a::c\na::c uses a\n");
    let named_alike = [("a/mod.rs", "mod c; fn f(c: u8) -> u8 { c }"), ("a/c.rs", "use super::A;")];
    assert_eq!(crate_of(&named_alike), "");
    let test = [("a/mod.rs", "#[cfg(test)]\nmod c; fn f() { c::g() }"), ("a/c.rs", "use super::A;")];
    assert_eq!(crate_of(&test), "");
}
