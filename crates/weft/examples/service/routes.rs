//! The handlers: they start, signal and ask workflows, and hold nothing themselves.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use weft::{
    Client,
    client::{Code, Error, QueryError, WorkflowError},
};

use crate::orders::{Order, QUEUE, Stage};

pub(crate) fn router(client: Client) -> Router {
    Router::new()
        .route("/orders/{id}", post(place).get(look))
        .route("/orders/{id}/approve", post(approve))
        .route("/orders/{id}/receipt", get(receipt))
        .with_state(client)
}

async fn place(State(client): State<Client>, Path(id): Path<String>, item: String) -> Result<StatusCode, Refused> {
    client.start_workflow(Order::run, item).id(id).task_queue(QUEUE).await?;
    Ok(StatusCode::CREATED)
}

async fn look(State(client): State<Client>, Path(id): Path<String>) -> Result<Json<Stage>, Refused> {
    Ok(Json(client.handle::<Order>(id).query(Order::stage, ()).await?))
}

async fn approve(State(client): State<Client>, Path(id): Path<String>) -> Result<StatusCode, Refused> {
    client.handle::<Order>(id).signal(Order::approve, ()).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Waits until the order is shipped.
async fn receipt(State(client): State<Client>, Path(id): Path<String>) -> Result<String, Refused> {
    Ok(client.handle::<Order>(id).result().await?)
}

struct Refused(StatusCode, String);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let status = match error.code() {
            Some(Code::NotFound) => StatusCode::NOT_FOUND,
            Some(Code::AlreadyExists) => StatusCode::CONFLICT,
            _ => StatusCode::BAD_GATEWAY,
        };
        Self(status, error.to_string())
    }
}

impl From<QueryError> for Refused {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Call(error) => error.into(),
            other => Self(StatusCode::INTERNAL_SERVER_ERROR, other.to_string()),
        }
    }
}

impl From<WorkflowError> for Refused {
    fn from(error: WorkflowError) -> Self {
        match error {
            WorkflowError::Call(error) => error.into(),
            other => Self(StatusCode::INTERNAL_SERVER_ERROR, other.to_string()),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}
