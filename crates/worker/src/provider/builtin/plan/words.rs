//! What a requirement is about, in a few words.

/// First words that say what to do, not with what.
const VERBS: [&str; 10] =
    ["add", "create", "implement", "build", "introduce", "support", "provide", "write", "make", "allow"];
/// A clause that begins with one of these says more about the thing.
const CLAUSES: [&str; 9] = ["with", "because", "so", "when", "which", "that", "while", "using", "for"];
const ARTICLES: [&str; 3] = ["a", "an", "the"];

/// The thing that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    /// `Add user profile page with avatar upload`
    pub sentence: String,
    /// `user profile page`
    pub whole: String,
    /// `profile`: the word that names it best.
    pub short: String,
    /// All words, in lower case.
    pub words: Vec<String>,
}

impl Subject {
    pub(super) fn of(requirement: &str) -> Self {
        let sentence = requirement.trim().lines().next().unwrap_or_default().trim_end_matches('.').to_owned();
        let words: Vec<String> = sentence
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        let start = usize::from(words.first().is_some_and(|word| VERBS.contains(&word.as_str())));
        let thing = words.iter().skip(start).take_while(|word| !CLAUSES.contains(&word.as_str()));
        let thing: Vec<&str> = thing.map(String::as_str).filter(|word| !ARTICLES.contains(word)).collect();
        let plain: Vec<&str> = thing.iter().copied().filter(|word| super::layers::of_word(word).is_none()).collect();
        let short = plain.last().or(thing.last()).copied().unwrap_or("change").to_owned();
        Self { whole: thing.join(" "), short, words, sentence }
    }

    /// The thing without words that name a layer: `user profile`.
    pub(super) fn plain(&self) -> String {
        let plain = self.whole.split(' ').filter(|word| super::layers::of_word(word).is_none());
        let plain: Vec<&str> = plain.collect();
        if plain.is_empty() { self.short.clone() } else { plain.join(" ") }
    }

    /// The word before the first one that names this layer: `avatar` of `avatar upload`.
    pub(super) fn before(&self, layer: super::Layer) -> Option<&str> {
        let at = self.words.iter().position(|word| super::layers::of_word(word) == Some(layer))?;
        let named = self.words.get(at)?;
        let is_noun = |word: &&String| {
            !CLAUSES.contains(&word.as_str()) && !VERBS.contains(&word.as_str()) && !ARTICLES.contains(&word.as_str())
        };
        let before = at.checked_sub(1).and_then(|at| self.words.get(at)).filter(is_noun);
        // A thing that is stored names itself better than what is done to it.
        if super::layers::is_thing(named) { Some(named) } else { Some(before.unwrap_or(named)) }
    }
}
