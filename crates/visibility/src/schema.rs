//! The names a query may use: the system's own fields, the predefined search attributes, and the custom ones of a
//! namespace with their types.
//!
//! Names are case sensitive, as in Temporal. Deliberately not here: who registers a custom search attribute.

mod near;

use std::collections::BTreeMap;

use crate::attribute::Type;

/// A field that every execution has by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    WorkflowId,
    RunId,
    WorkflowType,
    StartTime,
    ExecutionTime,
    CloseTime,
    ExecutionStatus,
    TaskQueue,
    HistoryLength,
    ExecutionDuration,
    StateTransitionCount,
    HistorySizeBytes,
    ParentWorkflowId,
    ParentRunId,
    RootWorkflowId,
    RootRunId,
}

impl System {
    pub const ALL: [Self; 16] = [
        Self::WorkflowId,
        Self::RunId,
        Self::WorkflowType,
        Self::StartTime,
        Self::ExecutionTime,
        Self::CloseTime,
        Self::ExecutionStatus,
        Self::TaskQueue,
        Self::HistoryLength,
        Self::ExecutionDuration,
        Self::StateTransitionCount,
        Self::HistorySizeBytes,
        Self::ParentWorkflowId,
        Self::ParentRunId,
        Self::RootWorkflowId,
        Self::RootRunId,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::WorkflowId => "WorkflowId",
            Self::RunId => "RunId",
            Self::WorkflowType => "WorkflowType",
            Self::StartTime => "StartTime",
            Self::ExecutionTime => "ExecutionTime",
            Self::CloseTime => "CloseTime",
            Self::ExecutionStatus => "ExecutionStatus",
            Self::TaskQueue => "TaskQueue",
            Self::HistoryLength => "HistoryLength",
            Self::ExecutionDuration => "ExecutionDuration",
            Self::StateTransitionCount => "StateTransitionCount",
            Self::HistorySizeBytes => "HistorySizeBytes",
            Self::ParentWorkflowId => "ParentWorkflowId",
            Self::ParentRunId => "ParentRunId",
            Self::RootWorkflowId => "RootWorkflowId",
            Self::RootRunId => "RootRunId",
        }
    }

    pub fn kind(self) -> Type {
        match self {
            Self::StartTime | Self::ExecutionTime | Self::CloseTime => Type::Datetime,
            Self::HistoryLength | Self::ExecutionDuration | Self::StateTransitionCount | Self::HistorySizeBytes => {
                Type::Int
            }
            Self::WorkflowId
            | Self::RunId
            | Self::WorkflowType
            | Self::ExecutionStatus
            | Self::TaskQueue
            | Self::ParentWorkflowId
            | Self::ParentRunId
            | Self::RootWorkflowId
            | Self::RootRunId => Type::Keyword,
        }
    }
}

/// The search attribute whose presence hides an execution from lists that do not ask for it.
pub(crate) const DIVISION: &str = "TemporalNamespaceDivision";

/// Search attributes that every namespace has.
pub const PREDEFINED: [(&str, Type); 17] = [
    ("BatcherNamespace", Type::Keyword),
    ("BatcherUser", Type::Keyword),
    ("BinaryChecksums", Type::KeywordList),
    ("BuildIds", Type::KeywordList),
    ("TemporalChangeVersion", Type::KeywordList),
    ("TemporalExternalPayloadCount", Type::Int),
    ("TemporalExternalPayloadSizeBytes", Type::Int),
    (DIVISION, Type::Keyword),
    ("TemporalPauseInfo", Type::KeywordList),
    ("TemporalReportedProblems", Type::KeywordList),
    ("TemporalScheduledById", Type::Keyword),
    ("TemporalScheduledStartTime", Type::Datetime),
    ("TemporalSchedulePaused", Type::Bool),
    ("TemporalUsedWorkerDeploymentVersions", Type::KeywordList),
    ("TemporalWorkerDeployment", Type::Keyword),
    ("TemporalWorkerDeploymentVersion", Type::Keyword),
    ("TemporalWorkflowVersioningBehavior", Type::Keyword),
];

/// What a name in a query means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    System(System),
    Attribute { name: String, kind: Type },
}

impl Field {
    pub fn kind(&self) -> Type {
        match self {
            Self::System(system) => system.kind(),
            Self::Attribute { kind, .. } => *kind,
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::System(system) => system.name(),
            Self::Attribute { name, .. } => name,
        }
    }

    pub(crate) fn is_division(&self) -> bool {
        matches!(self, Self::Attribute { name, .. } if name == DIVISION)
    }
}

/// All names of one namespace.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    custom: BTreeMap<String, Type>,
    /// There is nothing but these.
    only: bool,
    /// Only what schedules have by themselves may be asked for, and what is custom.
    of_schedules: bool,
}

impl Schema {
    /// The schema of a namespace with these custom search attributes. A custom name never hides a system's.
    pub fn with_custom(custom: impl IntoIterator<Item = (String, Type)>) -> Self {
        Self { custom: custom.into_iter().collect(), only: false, of_schedules: false }
    }

    /// The schema of something that is no execution: it has these fields and no others.
    pub fn only(fields: impl IntoIterator<Item = (String, Type)>) -> Self {
        Self { custom: fields.into_iter().collect(), only: true, of_schedules: false }
    }

    /// The same, for queries about schedules.
    #[must_use]
    pub(crate) fn of_schedules(self) -> Self {
        Self { of_schedules: true, ..self }
    }

    /// A name that is known but says nothing about what is asked for.
    pub(crate) fn is_out_of_place(&self, name: &str, field: &Field) -> bool {
        let is_own = match field {
            Field::System(_) => name == "ScheduleId",
            Field::Attribute { name, .. } => name == "TemporalSchedulePaused" || self.custom.contains_key(name),
        };
        self.of_schedules && !is_own
    }

    /// What a name in a query means; short forms of Temporal's own names are understood.
    pub fn resolve(&self, name: &str) -> Option<Field> {
        if self.only {
            return self.resolve_exactly(name);
        }
        self.resolve_exactly(name).or_else(|| self.resolve_exactly(&format!("Temporal{name}"))).or_else(|| match name {
            "TemporalBuildIds" => self.resolve_exactly("BuildIds"),
            // A schedule is listed under its own id in the place of the workflow id.
            "ScheduleId" => Some(Field::System(System::WorkflowId)),
            _ => None,
        })
    }

    /// Up to three names that someone who typed `name` may have meant, the nearest first.
    pub fn near(&self, name: &str) -> Vec<String> {
        near::names(name, self.names().into_iter())
    }

    /// What has just this name.
    pub fn resolve_exactly(&self, name: &str) -> Option<Field> {
        if self.only {
            let kind = self.custom.get(name).copied()?;
            return Some(Field::Attribute { name: name.to_owned(), kind });
        }
        if let Some(system) = System::ALL.into_iter().find(|system| system.name() == name) {
            return Some(Field::System(system));
        }
        let predefined = PREDEFINED.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        let kind = predefined.or_else(|| self.custom.get(name).copied())?;
        Some(Field::Attribute { name: name.to_owned(), kind })
    }

    fn names(&self) -> Vec<&str> {
        let custom = self.custom.keys().map(String::as_str);
        if self.only {
            return custom.collect();
        }
        let mut names: Vec<&str> = System::ALL.into_iter().map(System::name).collect();
        names.extend(PREDEFINED.iter().map(|(name, _)| *name));
        names.extend(custom);
        names
    }
}
