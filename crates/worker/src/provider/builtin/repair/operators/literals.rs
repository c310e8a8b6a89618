//! Constants: numbers near to what stands there and numbers that stand elsewhere, truth values, strings.

use super::Site;
use crate::provider::builtin::repair::{
    edit::{Edit, Kind},
    pool::{bare, is_docstring},
};

/// What most often stands between parts of a text, or fills it up.
const SEPARATORS: [&str; 10] = [" ", ",", ".", "-", ":", "/", "_", "0", ", ", "\\n"];

pub(super) fn offer(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    match site.node.kind() {
        "integer" | "integer_literal" => integer(site, out),
        "float" | "float_literal" => float(site, out),
        "true" | "false" | "boolean_literal" => truth(site, out),
        "string" | "string_literal" if !is_docstring(site.node) => {
            string(site, out);
        }
        "unary_operator" | "unary_expression" if site.text().starts_with('-') => {
            let argument = site.text().trim_start_matches('-').trim_start().to_owned();
            site.replace(site.node, Kind::Negation, [argument], out);
        }
        _ => {}
    }
}

/// Where nothing stands a separator may have been forgotten.
fn string(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    let Some(quote) = site.text().chars().next().filter(|it| matches!(it, '"' | '\'')) else { return };
    let empty = format!("{quote}{quote}");
    if site.text() == empty {
        let separators = SEPARATORS.iter().map(|it| format!("{quote}{it}{quote}"));
        site.replace(site.node, Kind::Constant, separators, out);
    }
    site.replace(site.node, Kind::Constant, site.pool.strings.iter().cloned().chain([empty]), out);
}

fn integer(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    let text = site.text();
    let digits = bare(text);
    let suffix = text.get(digits.len()..).unwrap_or_default();
    let Ok(value) = digits.replace('_', "").parse::<i64>() else { return };
    let mut values = vec![value.saturating_add(1), value - 1];
    values.extend([0, 1, value.saturating_mul(2), value / 2, value.saturating_mul(10), value / 10, -value]);
    values.retain(|it| *it != value && (*it >= 0 || site.is_python()));
    let mut texts: Vec<String> = Vec::new();
    let near = values.iter().take(2).map(i64::to_string);
    let far = values.iter().skip(2).map(i64::to_string);
    for number in near.chain(site.pool.integers.iter().cloned()).chain(far) {
        if !texts.contains(&number) && number != digits {
            texts.push(number);
        }
    }
    site.replace(site.node, Kind::Constant, texts.into_iter().map(|number| format!("{number}{suffix}")), out);
}

fn float(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    let text = site.text();
    let digits = bare(text);
    let suffix = text.get(digits.len()..).unwrap_or_default();
    let Ok(value) = digits.replace('_', "").parse::<f64>() else { return };
    let near = [value + 1.0, value - 1.0, value * 10.0, value / 10.0, value * 2.0, value / 2.0, 0.0, 1.0, -value];
    let near = near.into_iter().filter(|it| it.is_finite() && (*it - value).abs() > f64::EPSILON);
    let others = site.pool.floats.iter().cloned();
    let all = others.chain(near.map(|it| format!("{it:?}"))).map(|number| format!("{number}{suffix}"));
    site.replace(site.node, Kind::Constant, all, out);
}

fn truth(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    let other = match site.text() {
        "True" => "False",
        "False" => "True",
        "true" => "false",
        _ => "true",
    };
    site.replace(site.node, Kind::Constant, [other], out);
}

#[cfg(test)]
mod tests {
    use super::{super::tests::check, Kind};

    #[test]
    fn a_separator_is_offered_where_nothing_stands() {
        check(
            "def f(a):\n    return a.split(\"\")\n",
            "\"\"",
            Kind::Constant,
            "def f(a):\n    return a.split(\".\")\n",
        );
    }

    #[test]
    fn a_constant_gives_way_to_its_neighbours_and_to_others_of_the_file() {
        check("def f(a):\n    return a + 9\n", "9", Kind::Constant, "def f(a):\n    return a + 10\n");
        check("fn f(a: u32) -> u32 { a + 9u32 }", "9u32", Kind::Constant, "fn f(a: u32) -> u32 { a + 8u32 }");
        let source = "def f(a):\n    if a:\n        return 'x'\n    return 'y'\n";
        check(source, "'x'", Kind::Constant, "def f(a):\n    if a:\n        return 'y'\n    return 'y'\n");
        check("def f(a):\n    return True\n", "True", Kind::Constant, "def f(a):\n    return False\n");
        check("def f(a):\n    return a * 0.5\n", "0.5", Kind::Constant, "def f(a):\n    return a * 1.5\n");
        check("def f(a):\n    return -a\n", "-a", Kind::Negation, "def f(a):\n    return a\n");
    }
}
