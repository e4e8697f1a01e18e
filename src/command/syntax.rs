//! The syntax of an entry, read: its notation as a tree of arguments.
//!
//! ```text
//! key                 a value               EX seconds      a token, and what it introduces
//! [ ... ]             may be left out       <A | B>         exactly one of them
//! [A | B]             at most one           x [x ...]       x once or more (x may be several arguments)
//! T A | B             in a bracket: the token T, then A or B  (AGGREGATE SUM | MIN | MAX)
//! ```
//!
//! A token is a word without lower-case letters (`EX`, `*`, `""`). The arity and COMMAND DOCS'
//! arguments follow from the tree, so an entry says its syntax once.

/// One argument, or several that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument<'a> {
    /// The word that introduces it, or that it consists of.
    pub token: Option<&'a str>,
    /// What it is, behind its token.
    pub kind: Kind<'a>,
    /// It may be left out.
    pub optional: bool,
    /// It may be repeated.
    pub multiple: bool,
    /// It is repeated with its token.
    pub multiple_token: bool,
}

/// What an argument is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind<'a> {
    /// Nothing but its token.
    Token,
    /// A value with this name.
    Value(&'a str),
    /// Several arguments in order.
    Block(Vec<Argument<'a>>),
    /// One of these.
    OneOf(Vec<Argument<'a>>),
}

impl<'a> Argument<'a> {
    fn new(token: Option<&'a str>, kind: Kind<'a>) -> Self {
        Argument { token, kind, optional: false, multiple: false, multiple_token: false }
    }

    /// The fewest words it takes, and whether it may take more or none.
    fn words(&self) -> (usize, bool) {
        let (inside, varies) = match &self.kind {
            Kind::Token => (0, false),
            Kind::Value(_) => (1, false),
            Kind::Block(parts) => words(parts),
            Kind::OneOf(choices) => {
                let counts = choices.iter().map(Argument::words);
                let shortest = counts.clone().map(|(count, _)| count).min().unwrap_or(0);
                (shortest, counts.into_iter().any(|(count, varies)| varies || count != shortest))
            }
        };
        let least = usize::from(self.token.is_some()) + inside;
        if self.optional { (0, true) } else { (least, varies || self.multiple) }
    }

    /// Whether it is written like `other`, apart from how often each may come.
    fn is_like(&self, other: &Argument<'_>) -> bool {
        self.token == other.token && self.kind == other.kind
    }
}

/// The fewest words a sequence takes, and whether it may take more.
fn words(arguments: &[Argument<'_>]) -> (usize, bool) {
    let counts = arguments.iter().map(Argument::words);
    counts.fold((0, false), |(sum, varies), (count, more)| (sum + count, varies || more))
}

/// Reads a syntax. One that is malformed gives something; the tests see to it that no entry's is.
pub fn parse(syntax: &str) -> Vec<Argument<'_>> {
    let mut parser = Parser { tokens: split(syntax), at: 0 };
    parser.sequence(Place::Top)
}

/// Redis' arity: the name's words (2 for a subcommand) and the required ones; negative if more may
/// follow.
pub fn arity(syntax: &str, name_words: usize) -> i32 {
    let (required, varies) = words(&parse(syntax));
    let total = i32::try_from(name_words + required).expect("a syntax is a line of text");
    if varies { -total } else { total }
}

/// Words, brackets, bars and `...`, each by itself.
fn split(syntax: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for word in syntax.split_whitespace() {
        let mut rest = word;
        while let Some(at) = rest.find(['[', ']', '<', '>']) {
            parts.extend((at > 0).then(|| &rest[..at]));
            parts.push(&rest[at..=at]);
            rest = &rest[at + 1..];
        }
        parts.extend((!rest.is_empty()).then_some(rest));
    }
    parts
}

fn is_token(word: &str) -> bool {
    !word.contains(|c: char| c.is_ascii_lowercase())
}

/// Where a sequence stands, which decides how far a token reaches: in a bracket to the end of its
/// branch, at the top up to the next token or optional part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Branch,
}

struct Parser<'a> {
    tokens: Vec<&'a str>,
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).copied()
    }

    /// Arguments up to the end, a bar, or a closing bracket.
    fn sequence(&mut self, place: Place) -> Vec<Argument<'a>> {
        let mut arguments = Vec::new();
        while let Some(word) = self.peek() {
            match word {
                "|" | "]" | ">" | "..." => break,
                "[" if self.is_repetition() => {
                    let start = self.at;
                    if !self.repetition(&mut arguments, place) {
                        // Of something that is not right before it (BITFIELD): an argument by
                        // itself.
                        self.at = start;
                        arguments.push(Argument { multiple: true, ..self.bracket(Place::Branch) });
                    }
                }
                "[" | "<" => arguments.push(self.bracket(Place::Branch)),
                word if is_token(word) => {
                    self.at += 1;
                    arguments.push(self.introduced(word, place));
                }
                word => {
                    self.at += 1;
                    arguments.push(Argument::new(None, Kind::Value(word)));
                }
            }
        }
        arguments
    }

    /// A token and what it introduces.
    fn introduced(&mut self, token: &'a str, place: Place) -> Argument<'a> {
        let mut body = Vec::new();
        while let Some(word) = self.peek() {
            match word {
                "|" | "]" | ">" | "..." => break,
                "[" if self.is_repetition() => {
                    let start = self.at;
                    if !self.repetition(&mut body, place) {
                        // Of the token too: for whoever holds it.
                        self.at = start;
                        break;
                    }
                }
                "[" if place == Place::Top => break,
                "[" | "<" => body.push(self.bracket(Place::Branch)),
                word if is_token(word) => {
                    if place == Place::Top {
                        break;
                    }
                    self.at += 1;
                    body.push(self.introduced(word, place));
                }
                word => {
                    self.at += 1;
                    body.push(Argument::new(None, Kind::Value(word)));
                }
            }
        }
        match body.as_slice() {
            [] => Argument::new(Some(token), Kind::Token),
            [only] if only.token.is_none() && !only.optional => {
                Argument { token: Some(token), ..only.clone() }
            }
            _ => Argument::new(Some(token), Kind::Block(body)),
        }
    }

    /// A bracket with all its branches, tokens reaching as far in them as in `place`.
    fn bracket(&mut self, place: Place) -> Argument<'a> {
        let optional = self.peek() == Some("[");
        self.at += 1;
        let mut branches = vec![self.sequence(place)];
        while let Some(word) = self.peek() {
            self.at += 1;
            match word {
                "|" => branches.push(self.sequence(place)),
                "..." => {}
                _ => break,
            }
        }
        Argument { optional, ..choice(branches) }
    }

    /// Whether the bracket that begins here closes behind `...`.
    fn is_repetition(&self) -> bool {
        let mut depth = 0;
        for (n, &word) in self.tokens[self.at..].iter().enumerate() {
            match word {
                "[" | "<" => depth += 1,
                "]" | ">" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return n > 0 && self.tokens[self.at + n - 1] == "...";
            }
        }
        false
    }

    /// Reads a bracket that repeats the last of `arguments` and marks them; false if it repeats
    /// something else.
    fn repetition(&mut self, arguments: &mut Vec<Argument<'a>>, place: Place) -> bool {
        let repeated = match self.bracket(place) {
            Argument { token: None, kind: Kind::Block(parts), .. } => parts,
            other => vec![other],
        };
        let Some(start) = arguments.len().checked_sub(repeated.len()) else { return false };
        let pairs = arguments[start..].iter().zip(&repeated);
        if !pairs.into_iter().all(|(one, other)| one.is_like(other)) {
            return false;
        }
        let tail = arguments.split_off(start);
        let mut whole = match <[Argument<'a>; 1]>::try_from(tail) {
            Ok([one]) => Argument { multiple_token: one.token.is_some(), ..one },
            Err(several) => Argument::new(None, Kind::Block(several)),
        };
        whole.multiple = true;
        arguments.push(whole);
        true
    }
}

/// What the branches of a bracket make. `T A | B` is the token T and a choice.
fn choice(mut branches: Vec<Vec<Argument<'_>>>) -> Argument<'_> {
    if branches.len() == 1 {
        return block(branches.remove(0));
    }
    let mut token = None;
    if let [Argument { token: Some(word), kind: Kind::Block(parts), .. }] = branches[0].as_slice()
        && let [Argument { token: Some(_), .. }] = parts.as_slice()
    {
        token = Some(*word);
        branches[0] = parts.clone();
    }
    Argument::new(token, Kind::OneOf(branches.into_iter().map(block).collect()))
}

/// Several arguments as one.
fn block(mut arguments: Vec<Argument<'_>>) -> Argument<'_> {
    if arguments.len() == 1 {
        arguments.remove(0)
    } else {
        Argument::new(None, Kind::Block(arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree in a short notation: `?` optional, `+` multiple, `++` with its token, `(…)` block,
    /// `{…}` one of.
    fn show(arguments: &[Argument<'_>]) -> String {
        let show_one = |argument: &Argument<'_>| {
            let body = match &argument.kind {
                Kind::Token => String::new(),
                Kind::Value(name) => (*name).to_owned(),
                Kind::Block(parts) => format!("({})", show(parts)),
                Kind::OneOf(choices) => format!("{{{}}}", show(choices)),
            };
            let token = argument.token.map(|token| format!("{token}:")).unwrap_or_default();
            let optional = if argument.optional { "?" } else { "" };
            let multiple = match (argument.multiple, argument.multiple_token) {
                (false, _) => "",
                (true, false) => "+",
                (true, true) => "++",
            };
            format!("{token}{body}{optional}{multiple}")
        };
        arguments.iter().map(show_one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_syntax_becomes_a_tree() {
        let cases = [
            ("", ""),
            ("key value", "key value"),
            ("key [key ...]", "key+"),
            ("key value [key value ...]", "(key value)+"),
            ("key [NX | XX] [EX seconds | KEEPTTL]", "key {NX: XX:}? {EX:seconds KEEPTTL:}?"),
            ("[LIMIT offset count]", "LIMIT:(offset count)?"),
            ("[GET pattern [GET pattern ...]]", "GET:pattern?++"),
            ("[ID id [id ...]]", "ID:id?+"),
            ("[AGGREGATE SUM | MIN | MAX]", "AGGREGATE:{SUM: MIN: MAX:}?"),
            ("[FILTERBY MODULE m | PATTERN p]", "FILTERBY:{MODULE:m PATTERN:p}?"),
            ("<node-id | NO ONE>", "{node-id NO:(ONE:)}"),
            ("bit [start [end [BYTE | BIT]]]", "bit (start (end {BYTE: BIT:}?)?)?"),
            ("GROUP group consumer [COUNT count] id", "GROUP:(group consumer) COUNT:count? id"),
            ("S a b [a b ...] N id [S a b [a b ...] N id ...]", "(S:(a b)+ N:id)+"),
            ("[p [AUTH u p] [SETNAME c]]", "(p AUTH:(u p)? SETNAME:c?)?"),
        ];
        for (syntax, tree) in cases {
            assert_eq!(show(&parse(syntax)), tree, "{syntax}");
        }
    }

    /// The facts of the reference, so that the tests work from a fresh clone.
    const REFERENCE: &str = include_str!("../../tests/fixtures/commands.tsv");

    #[test]
    fn the_reference_arities_follow_from_its_syntaxes() {
        // What each says that its syntax does not; an entry gives these arities itself.
        let stated = [
            ("client kill", "-3: the syntax lists every filter as optional, though one is needed"),
            ("cluster migrateslots", "-4: checked by the command, not by the arity"),
            ("cluster syncslots", "-3: internal, without a syntax"),
            ("debug", "-2: a container whose subcommands the table of Redis does not have"),
            ("geosearch", "-7: FROMMEMBER or FROMLONLAT is in brackets, though one is needed"),
            ("geosearchstore", "-8: likewise"),
            ("psync", "-3: Redis allows more than the syntax says"),
            ("quit", "-1: ignores its arguments"),
            ("replconf", "-1: internal, without a syntax"),
        ];
        let rows = REFERENCE.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
        let mut compared = 0;
        for row in rows {
            let (name, wanted, source, syntax) = (row[0], row[3], row[8], row[9]);
            let is_container = REFERENCE.lines().any(|line| line.starts_with(&format!("{name} ")));
            if is_container || source != "valkey" {
                continue;
            }
            let arity = arity(syntax, name.split(' ').count()).to_string();
            let is_stated = stated.iter().any(|(stated, _)| *stated == name);
            assert_eq!(arity == wanted, !is_stated, "{name} {syntax}: {arity}, not {wanted}");
            compared += 1;
        }
        assert!(compared > 350);
    }
}
