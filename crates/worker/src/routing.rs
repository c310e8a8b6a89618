//! Routing: which agent does a step, and on which task queue it listens.
//!
//! Pure. An agent can do a step if its type is the one that is needed and it has all skills; among those that have room
//! the choice weighs what came of such steps before, how busy it is, and how much of what it knows the step is about.
//! Equal agents are taken in the order of their ids, so that a replay chooses the same.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What an agent is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentType {
    Architect,
    Planner,
    Coder,
    Reviewer,
    Diagnostician,
    Migrator,
    Tester,
    /// Publishes, notifies, writes postmortems.
    Operator,
}

/// An agent: who takes steps from one task queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    pub id: String,
    #[serde(rename = "type")]
    pub agent_type: AgentType,
    #[serde(default)]
    pub skills: BTreeSet<String>,
    /// Steps at once.
    pub capacity: u32,
    pub task_queue: String,
}

/// What a step needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    pub agent_type: AgentType,
    pub skills: BTreeSet<String>,
}

/// What came of an agent's steps, and what it has in hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    running: u32,
    succeeded: u32,
    failed: u32,
}

/// Why nobody does a step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unroutable {
    #[error("no agent is a {agent_type:?} with the skills {}: add one, or take skills from the step", .skills.join(", "))]
    Nobody { agent_type: AgentType, skills: Vec<String> },
    #[error("all agents that could do it are busy")]
    Busy,
}

/// The agents of a run and how they have done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    agents: Vec<Agent>,
    records: BTreeMap<String, Record>,
}

/// Weights of the choice, in parts of 100.
const SUCCESS_WEIGHT: u64 = 50;
const LOAD_WEIGHT: u64 = 30;
const EXPERTISE_WEIGHT: u64 = 20;
/// What a part is counted in.
const WHOLE: u64 = 1_000;

impl Roster {
    #[must_use]
    pub fn new(mut agents: Vec<Agent>) -> Self {
        agents.sort_by(|a, b| a.id.cmp(&b.id));
        Self { agents, records: BTreeMap::new() }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }

    /// Whether anybody who can do a step has room for it now.
    #[must_use]
    pub fn has_room(&self, need: &Need) -> bool {
        self.agents.iter().any(|agent| can(agent, need) && self.record(&agent.id).running < agent.capacity)
    }

    /// Chooses an agent for a step and gives it to them: say what came of it with [`Roster::ended`].
    ///
    /// # Errors
    ///
    /// When nobody can do it, or all who can are busy.
    pub fn assign(&mut self, need: &Need) -> Result<Agent, Unroutable> {
        let able: Vec<&Agent> = self.agents.iter().filter(|agent| can(agent, need)).collect();
        if able.is_empty() {
            let skills = need.skills.iter().cloned().collect();
            return Err(Unroutable::Nobody { agent_type: need.agent_type, skills });
        }
        let has_room = |agent: &&&Agent| self.record(&agent.id).running < agent.capacity;
        let score = |agent: &&Agent| score(agent, self.record(&agent.id), need);
        // `max_by_key` takes the last of equals; the first id is to be taken.
        let chosen = able.iter().filter(has_room).rev().max_by_key(|agent| score(agent)).map(|agent| (*agent).clone());
        let chosen = chosen.ok_or(Unroutable::Busy)?;
        self.records.entry(chosen.id.clone()).or_default().running += 1;
        Ok(chosen)
    }

    /// A step that was given to an agent has come to an end.
    pub fn ended(&mut self, agent: &str, succeeded: bool) {
        if let Some(record) = self.records.get_mut(agent) {
            record.running = record.running.saturating_sub(1);
            if succeeded {
                record.succeeded += 1;
            } else {
                record.failed += 1;
            }
        }
    }

    fn record(&self, agent: &str) -> Record {
        self.records.get(agent).copied().unwrap_or_default()
    }
}

fn can(agent: &Agent, need: &Need) -> bool {
    agent.capacity > 0 && agent.agent_type == need.agent_type && need.skills.is_subset(&agent.skills)
}

fn score(agent: &Agent, record: Record, need: &Need) -> u64 {
    // An agent without a past counts as one that has failed once in two steps.
    let success = u64::from(record.succeeded + 1) * WHOLE / u64::from(record.succeeded + record.failed + 2);
    let capacity = u64::from(agent.capacity.max(1));
    let idle = capacity.saturating_sub(u64::from(record.running)) * WHOLE / capacity;
    // Who knows little else knows this best.
    let expertise = (need.skills.len() as u64 * WHOLE).checked_div(agent.skills.len() as u64).unwrap_or(WHOLE);
    success * SUCCESS_WEIGHT + idle * LOAD_WEIGHT + expertise * EXPERTISE_WEIGHT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(skills: &[&str]) -> BTreeSet<String> {
        skills.iter().map(|&skill| skill.to_owned()).collect()
    }

    fn coder(id: &str, skills: &[&str], capacity: u32) -> Agent {
        let (id, task_queue) = (id.to_owned(), format!("queue-{id}"));
        Agent { id, agent_type: AgentType::Coder, skills: set(skills), capacity, task_queue }
    }

    fn need(skills: &[&str]) -> Need {
        Need { agent_type: AgentType::Coder, skills: set(skills) }
    }

    fn assign(roster: &mut Roster, skills: &[&str]) -> String {
        roster.assign(&need(skills)).map_or_else(|error| error.to_string(), |agent| agent.id)
    }

    #[test]
    fn a_step_goes_to_who_has_its_skills_and_knows_little_else() {
        let mut roster = Roster::new(vec![coder("all", &["go", "python", "rust"], 4), coder("snake", &["python"], 4)]);
        assert_eq!(assign(&mut roster, &["python"]), "snake");
        assert_eq!(assign(&mut roster, &["go", "rust"]), "all");
        let nobody = "no agent is a Coder with the skills cobol: add one, or take skills from the step";
        assert_eq!(assign(&mut roster, &["cobol"]), nobody);
    }

    #[test]
    fn work_is_spread_until_everybody_is_busy() {
        let mut roster = Roster::new(vec![coder("b", &[], 1), coder("a", &[], 2)]);
        let given: Vec<_> = (0..4).map(|_| assign(&mut roster, &[])).collect();
        assert_eq!(given, ["a", "b", "a", "all agents that could do it are busy"]);
        roster.ended("b", true);
        assert_eq!(assign(&mut roster, &[]), "b");
    }

    #[test]
    fn who_did_well_is_taken_again() {
        let mut roster = Roster::new(vec![coder("a", &[], 3), coder("b", &[], 3)]);
        for (succeeded, expected) in [(false, "a"), (true, "b"), (true, "b"), (true, "b")] {
            let agent = assign(&mut roster, &[]);
            assert_eq!(agent, expected);
            roster.ended(&agent, succeeded);
        }
    }
}
