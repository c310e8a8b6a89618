//! `temporal.api.testservice.v1`: tests steer the time of a server that skips it. Served by no other.

use std::time::Duration;

use tonic::{Request, Response, Status};
use weft_engine::{Timestamp, span_from_wire};
use weft_env::{Clock, SkippingClock, Unbalanced, UnixNanos};
use weft_protocol::{
    api::testservice::{
        GetCurrentTimeResponse, LockTimeSkippingRequest, LockTimeSkippingResponse, SleepRequest, SleepResponse,
        SleepUntilRequest, UnlockTimeSkippingRequest, UnlockTimeSkippingResponse,
    },
    test_service::test_service_server::TestService,
};

type Answer<T> = Result<Response<T>, Status>;

/// The service over one clock.
pub(super) struct Steering {
    clock: SkippingClock,
}

impl Steering {
    pub(super) fn of(clock: &SkippingClock) -> Self {
        Self { clock: clock.clone() }
    }
}

#[tonic::async_trait]
impl TestService for Steering {
    async fn lock_time_skipping(&self, _: Request<LockTimeSkippingRequest>) -> Answer<LockTimeSkippingResponse> {
        self.clock.lock();
        Ok(Response::new(LockTimeSkippingResponse {}))
    }

    async fn unlock_time_skipping(&self, _: Request<UnlockTimeSkippingRequest>) -> Answer<UnlockTimeSkippingResponse> {
        self.clock.unlock().map_err(unbalanced)?;
        Ok(Response::new(UnlockTimeSkippingResponse {}))
    }

    async fn sleep(&self, request: Request<SleepRequest>) -> Answer<SleepResponse> {
        self.clock.sleep(span(&request.into_inner())).await;
        Ok(Response::new(SleepResponse {}))
    }

    async fn sleep_until(&self, request: Request<SleepUntilRequest>) -> Answer<SleepResponse> {
        let at = request.into_inner().timestamp.unwrap_or_default();
        self.clock.sleep_to(UnixNanos(Timestamp::from_wire(&at).0)).await;
        Ok(Response::new(SleepResponse {}))
    }

    async fn unlock_time_skipping_with_sleep(&self, request: Request<SleepRequest>) -> Answer<SleepResponse> {
        self.clock.sleep_unlocked(span(&request.into_inner())).await.map_err(unbalanced)?;
        Ok(Response::new(SleepResponse {}))
    }

    async fn get_current_time(&self, _: Request<()>) -> Answer<GetCurrentTimeResponse> {
        let time = Some(Timestamp(self.clock.now().0).wire());
        Ok(Response::new(GetCurrentTimeResponse { time }))
    }
}

/// How long to sleep; not at all if it says nothing, or less than that.
fn span(request: &SleepRequest) -> Duration {
    request.duration.as_ref().map_or(Duration::ZERO, span_from_wire)
}

fn unbalanced(error: Unbalanced) -> Status {
    Status::failed_precondition(error.to_string())
}
