//! What can be sent: a form per command and subcommand, its arguments read from the entry in the
//! command table.

use super::policy::{self, Compare};
use super::server::Peer;
use coolcache::command::Group;
use coolcache::command::syntax::{self, Argument, Kind};
use coolcache::command::table::{self, Resolved};
use coolcache::resp::OwnedReply;
use std::collections::HashSet;

/// One way to call a command.
pub struct Form {
    /// `client|getname`; the coverage table's first column.
    pub name: String,
    /// The words before the arguments.
    pub words: Vec<&'static str>,
    /// The arguments.
    pub arguments: Vec<Argument<'static>>,
    /// The group, which decides how often it is drawn.
    pub group: Group,
    /// How its replies are compared.
    pub compare: Compare,
    /// How many optional arguments there are.
    pub options: usize,
}

/// What a run sends, and what of the table it leaves out.
pub struct Grammar {
    /// All forms.
    pub forms: Vec<Form>,
    /// Commands, and tokens of commands, that the peer lacks.
    pub lacking: Vec<String>,
}

impl Grammar {
    /// The whole table less what [`policy`] skips and what the peer's COMMAND DOCS does not know.
    pub fn of_table(peer: &mut Peer) -> Grammar {
        let mut grammar = Grammar { forms: Vec::new(), lacking: Vec::new() };
        for command in table::all() {
            grammar.add(peer, command);
            for subcommand in &command.subcommands {
                grammar.add(peer, subcommand);
            }
        }
        for (name, syntax) in policy::MORE_FORMS {
            let (container, subcommand) = name.split_once('|').expect("a subcommand");
            grammar.push(name, vec![container, subcommand], syntax::parse(syntax), Group::Server);
        }
        grammar
    }

    fn add(&mut self, peer: &mut Peer, command: &'static Resolved) {
        if command.is_container() || policy::is_skipped(command.full_name) {
            return;
        }
        let docs = peer.call(&[b"COMMAND", b"DOCS", command.full_name.as_bytes()]);
        if matches!(&docs, OwnedReply::Array(facts) if facts.is_empty()) {
            self.lacking.push(command.full_name.to_owned());
            return;
        }
        let mut known = HashSet::new();
        tokens(&docs, &mut known);
        let mut arguments = syntax::parse(command.syntax);
        let mut removed = Vec::new();
        retain(&mut arguments, &known, &mut removed);
        let lacking = removed.iter().map(|token| format!("{} {token}", command.full_name));
        self.lacking.extend(lacking);
        let words = command.parent.iter().map(|parent| parent.name).chain([command.name]).collect();
        self.push(command.full_name, words, arguments, command.group);
    }

    fn push(
        &mut self,
        name: &str,
        words: Vec<&'static str>,
        arguments: Vec<Argument<'static>>,
        group: Group,
    ) {
        let compare = policy::compare(name);
        let options = arguments.iter().filter(|argument| argument.optional).count();
        self.forms.push(Form { name: name.to_owned(), words, arguments, group, compare, options });
    }

    /// Whether there is a form with this name.
    pub fn has(&self, name: &str) -> bool {
        self.forms.iter().any(|form| form.name == name)
    }

    /// The form with this name.
    pub fn form(&self, name: &str) -> usize {
        let found = self.forms.iter().position(|form| form.name == name);
        found.unwrap_or_else(|| panic!("no form is named {name}"))
    }
}

/// The tokens in an answer of COMMAND DOCS: whatever follows the word `token`.
fn tokens(docs: &OwnedReply, known: &mut HashSet<Vec<u8>>) {
    let OwnedReply::Array(items) = docs else { return };
    for pair in items.windows(2) {
        if let [OwnedReply::Bulk(name), OwnedReply::Bulk(token)] = pair
            && name == b"token"
        {
            known.insert(token.to_ascii_uppercase());
        }
    }
    items.iter().for_each(|item| tokens(item, known));
}

/// Removes what begins with a token that is not known.
fn retain(
    arguments: &mut Vec<Argument<'static>>,
    known: &HashSet<Vec<u8>>,
    removed: &mut Vec<&'static str>,
) {
    arguments.retain_mut(|argument| {
        if let Some(token) = argument.token
            && !known.contains(token.as_bytes())
        {
            removed.push(token);
            return false;
        }
        match &mut argument.kind {
            Kind::Token | Kind::Value(_) => true,
            Kind::Block(parts) | Kind::OneOf(parts) => {
                retain(parts, known, removed);
                !parts.is_empty()
            }
        }
    });
}

/// All tokens of arguments.
pub fn all_tokens(arguments: &[Argument<'static>], found: &mut Vec<&'static str>) {
    for argument in arguments {
        found.extend(argument.token);
        if let Kind::Block(parts) | Kind::OneOf(parts) = &argument.kind {
            all_tokens(parts, found);
        }
    }
}
