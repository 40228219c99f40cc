//! What syn says of the functions of Rust files: paths on standard input, one JSON line a function on standard output.
//!
//! A function is an item, a method of an impl or a trait method with a body. Its documentation is its `doc` attributes,
//! outer and inner, in the order of the file; their text is cleaned as rustdoc cleans it (`beautify_doc_string` and
//! `unindent_doc_fragments` of rustc), the fragments joined by line feeds.

use std::io::{BufRead, Write};

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, Lit, Meta, Visibility};

struct Functions<'a> {
    path: &'a str,
    out: Box<dyn Write>,
}

impl Functions<'_> {
    fn say(&mut self, start: Span, name: &Ident, attributes: &[Attribute]) {
        let line = serde_json::json!({
            "path": self.path,
            "name": name.to_string(),
            "start_line": start.start().line,
            "doc": documentation(attributes),
        });
        writeln!(self.out, "{line}").expect("standard output");
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.say(start(&item.vis, &item.sig), &item.sig.ident, &item.attrs);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_method(&mut self, item: &'ast syn::ImplItemMethod) {
        let first = match &item.defaultness {
            Some(default) if matches!(item.vis, Visibility::Inherited) => default.span,
            _ => start(&item.vis, &item.sig),
        };
        self.say(first, &item.sig.ident, &item.attrs);
        visit::visit_impl_item_method(self, item);
    }

    fn visit_trait_item_method(&mut self, item: &'ast syn::TraitItemMethod) {
        if item.default.is_some() {
            self.say(item.sig.span(), &item.sig.ident, &item.attrs);
        }
        visit::visit_trait_item_method(self, item);
    }
}

fn start(visibility: &Visibility, signature: &syn::Signature) -> Span {
    match visibility {
        Visibility::Inherited => signature.span(),
        given => given.span(),
    }
}

fn documentation(attributes: &[Attribute]) -> Option<String> {
    let fragments: Vec<String> = attributes.iter().filter_map(fragment).collect();
    if fragments.is_empty() {
        return None;
    }
    let margin = fragments
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or(0);
    let lines = fragments.iter().flat_map(|text| text.split('\n'));
    let bare: Vec<&str> = lines.map(|line| line.get(margin..).unwrap_or("")).collect();
    Some(bare.join("\n"))
}

fn fragment(attribute: &Attribute) -> Option<String> {
    if !attribute.path.is_ident("doc") {
        return None;
    }
    match attribute.parse_meta() {
        Ok(Meta::NameValue(pair)) => match pair.lit {
            Lit::Str(text) => Some(beautify(&text.value())),
            _ => None,
        },
        _ => None,
    }
}

/// A block comment without its first and last line where they are bare, and without the stars that lead every line.
fn beautify(text: &str) -> String {
    if !text.contains('\n') {
        return text.to_string();
    }
    let mut lines: Vec<&str> = text.split('\n').collect();
    if lines[0].chars().all(|c| c == '*' || c.is_whitespace()) {
        lines.remove(0);
    }
    if lines.last().is_some_and(|last| last.chars().all(|c| c == '*' || c.is_whitespace())) {
        lines.pop();
    }
    let starred = lines.iter().enumerate().all(|(i, line)| {
        let bare = line.trim_start();
        bare.starts_with('*') || (i == 0 && !text.starts_with('\n')) || bare.is_empty()
    });
    if starred && lines.iter().any(|line| line.trim_start().starts_with('*')) {
        lines = lines
            .iter()
            .map(|line| line.trim_start().strip_prefix('*').unwrap_or(line))
            .collect();
    }
    lines.join("\n")
}

fn main() {
    for path in std::io::stdin().lock().lines().map_while(Result::ok) {
        let mut out = Box::new(std::io::BufWriter::new(std::io::stdout().lock()));
        let parsed = std::fs::read_to_string(&path)
            .map_err(|error| error.to_string())
            .and_then(|source| syn::parse_file(&source).map_err(|error| error.to_string()));
        match parsed {
            Ok(file) => {
                writeln!(out, "{}", serde_json::json!({ "path": path })).expect("standard output");
                Functions { path: &path, out }.visit_file(&file);
            }
            Err(error) => {
                writeln!(out, "{}", serde_json::json!({ "path": path, "error": error })).expect("standard output");
            }
        }
    }
}
