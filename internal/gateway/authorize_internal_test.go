package gateway

import (
	"regexp"
	"testing"
)

// TestDemands holds that every operation asks a policy for something, and that nothing else is in the table.
func TestDemands(t *testing.T) {
	all := demands()
	form := regexp.MustCompile(`^lambda:[A-Z][A-Za-z]+$`)
	for _, op := range operations() {
		d, ok := all[op.name]
		if !ok || d.resource == nil || !form.MatchString(d.action) {
			t.Errorf("%s demands %q of a policy and has a resource: %t", op.name, d.action, d.resource != nil)
		}
		delete(all, op.name)
	}
	for name := range all {
		t.Errorf("%s is no operation", name)
	}
	for name, action := range map[string]string{
		"Invoke": "InvokeFunction", "InvokeWithResponseStream": "InvokeFunction", "InvokeAsync": "InvokeAsync",
		"GetLayerVersionByArn": "GetLayerVersion", "ListFunctions": "ListFunctions",
	} {
		if got := demands()[name].action; got != "lambda:"+action {
			t.Errorf("%s demands %s, want lambda:%s", name, got, action)
		}
	}
}
