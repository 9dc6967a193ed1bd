package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Shift gives a version its share of an alias's calls, in per cent. The version that the alias points to keeps the rest.
func Shift(s *v1alpha1.AliasSpec, version string, share float64) error {
	if share == 100 {
		s.FunctionVersion, s.AdditionalVersionWeights = version, nil
		return nil
	}
	if version == s.FunctionVersion {
		return fmt.Errorf("version %s is the one that gets the rest: name the other version's share", version)
	}
	if share == 0 {
		delete(s.AdditionalVersionWeights, version)
		return nil
	}
	weight := strings.TrimRight(strconv.FormatFloat(share/100, 'f', 6, 64), "0")
	s.AdditionalVersionWeights = map[string]v1alpha1.Weight{version: v1alpha1.Weight(weight)}
	return nil
}

// annotation is where an alias keeps what is known of its last rollout, so that any command line can go back.
const annotation = v1alpha1.Group + "/rollout"

// State says how far a rollout is.
type State string

// The states.
const (
	Running    State = "running"
	Paused     State = "paused" // its last step was below 100 %
	Done       State = "done"
	RolledBack State = "rolledBack"
)

// Record is what an alias keeps of its last rollout.
type Record struct {
	// From and To are the versions.
	From string `json:"from"`
	To   string `json:"to"`
	// Share is what To gets, in per cent.
	Share  float64 `json:"share"`
	State  State   `json:"state"`
	Reason string  `json:"reason,omitempty"`
}

// RecordOf reads what an alias keeps of its last rollout; nil if there was none.
func RecordOf(a *v1alpha1.Alias) *Record {
	r := new(Record)
	if json.Unmarshal([]byte(a.Annotations[annotation]), r) != nil {
		return nil
	}
	return r
}

// Tries is how often a change is tried again because an engine wrote into the status meanwhile.
const Tries = 20

// Change changes an alias as it is now, again if somebody else was quicker. It gives the alias as it was written.
func Change(ctx context.Context, e engine.Objects, function, alias string, change func(*v1alpha1.Alias) error) (*v1alpha1.Alias, error) {
	for try := 1; ; try++ {
		a := new(v1alpha1.Alias)
		if err := e.Get(ctx, v1alpha1.AliasObjectName(function, alias), a); err != nil {
			return nil, fmt.Errorf("read alias %q of %q: %w", alias, function, err)
		}
		if err := change(a); err != nil {
			return a, err
		}
		err := e.Update(ctx, a)
		if err == nil {
			return a, nil
		}
		if lambda.CodeOf(err) != lambda.CodePreconditionFailed || try == Tries {
			return a, fmt.Errorf("move alias %q of %q: %w", alias, function, err)
		}
	}
}

// Note keeps in an alias that its calls are moved from one version to another, so that this can be undone. It is for whoever
// moves an alias without a rollout; share is what the new version gets, in per cent.
func Note(a *v1alpha1.Alias, from, to string, share float64) error {
	if from == to || from == "" {
		return nil
	}
	state := Paused
	if share == 100 {
		state = Done
	}
	return Record{From: from, To: to, Share: share, State: state}.keep(a)
}

func (r Record) keep(a *v1alpha1.Alias) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("note the rollout: %w", err)
	}
	if a.Annotations == nil {
		a.Annotations = map[string]string{}
	}
	a.Annotations[annotation] = string(text)
	return nil
}

// Undo makes an alias point to where it pointed before it was moved last. It gives the version.
func Undo(a *v1alpha1.Alias, reason string) (string, error) {
	r := RecordOf(a)
	if r == nil || r.State == RolledBack || (r.State == Done && a.Spec.FunctionVersion != r.To) {
		return "", fmt.Errorf("of alias %q of %q it is not known where it was before: \"lambkin traffic %[2]s %[1]s --to VERSION=100%%\" moves it", a.Spec.Name, a.Spec.FunctionName)
	}
	a.Spec.FunctionVersion, a.Spec.AdditionalVersionWeights = r.From, nil
	r.Share, r.State, r.Reason = 0, RolledBack, reason
	return r.From, r.keep(a)
}
