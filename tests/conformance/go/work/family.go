package work

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Till takes money through a slot that takes no debts; slow payments wait for a nod.
func Till(ctx workflow.Context) (int, error) {
	sum, nods := 0, 0
	pay := func(_ workflow.Context, amount int) (int, error) {
		sum += amount
		return sum, nil
	}
	slowly := func(ctx workflow.Context, amount int) (int, error) {
		if err := workflow.Await(ctx, func() bool { return nods > 0 }); err != nil {
			return 0, err
		}
		return pay(ctx, amount)
	}
	noDebts := func(amount int) error {
		if amount < 0 {
			return errors.New("no debts")
		}
		return nil
	}
	takes := workflow.UpdateHandlerOptions{Validator: noDebts}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, "pay", pay, takes); err != nil {
		return 0, err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, "pay slowly", slowly, takes); err != nil {
		return 0, err
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		workflow.GetSignalChannel(ctx, "nod").Receive(ctx, nil)
		nods++
	})
	workflow.GetSignalChannel(ctx, "close").Receive(ctx, nil)
	err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
	return sum, err
}

// Patient does as it is told.
func Patient(ctx workflow.Context, name string) (string, error) {
	var told string
	workflow.GetSignalChannel(ctx, "go").Receive(ctx, &told)
	if told == "fail" {
		return "", temporal.NewNonRetryableApplicationError("as told", "Told", nil)
	}
	return name + " " + told, nil
}

// Parent has one child, and tells how it ended.
func Parent(ctx workflow.Context, kid string) (string, error) {
	var result string
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: kid})
	err := workflow.ExecuteChildWorkflow(ctx, Patient, "kid").Get(ctx, &result)
	var failed *temporal.ApplicationError
	if errors.As(err, &failed) {
		return "failed: " + failed.Message() + " " + failed.Type(), nil
	}
	return result, err
}

// Leaver starts a child on another queue, and ends.
func Leaver(ctx workflow.Context, kid, queue string) (string, error) {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: kid, TaskQueue: queue})
	err := workflow.ExecuteChildWorkflow(ctx, Patient, "kid").GetChildWorkflowExecution().Get(ctx, nil)
	return "left", err
}

// Teller gives words to a collector.
func Teller(ctx workflow.Context, whom string, words []string) (string, error) {
	for _, word := range words {
		if err := workflow.SignalExternalWorkflow(ctx, whom, "", "give", word).Get(ctx, nil); err != nil {
			return "", err
		}
	}
	return "told", nil
}
