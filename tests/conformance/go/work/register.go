package work

// Workflows are all that a registry (a worker or a replayer) must know.
func Workflows() []any {
	return []any{
		Greeter, Thinker, Flaky, Relay, Clumsy, Labeller, Patched, Scribe, Collector, Runner, Tour, LocalRunner,
		Sleeper, Race, Till, Patient, Parent, Leaver, Teller,
	}
}
