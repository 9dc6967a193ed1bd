package server

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReplies(t *testing.T) {
	type want struct {
		Code        int
		ContentType string
		Body        string
	}
	cases := map[string]struct {
		reason string
		write  func(http.ResponseWriter)
		want   want
	}{
		"Status": {
			reason: "accepted calls carry the fixed status body and a newline",
			write:  func(w http.ResponseWriter) { writeStatus(w, http.StatusAccepted) },
			want:   want{202, "application/json", "{\"status\":\"OK\"}\n"},
		},
		"Error": {
			reason: "errorMessage comes before errorType, as clients that match on text expect",
			write:  func(w http.ResponseWriter) { writeError(w, 400, "InvalidRequestID", "Invalid request ID") },
			want:   want{400, "application/json", "{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}\n"},
		},
		"NoHTMLEscape": {
			reason: "angle brackets are not turned into \\u003c",
			write:  func(w http.ResponseWriter) { writeError(w, 403, "T", `a<b>&"c"`) },
			want:   want{403, "application/json", `{"errorMessage":"a<b>&\"c\"","errorType":"T"}` + "\n"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			tc.write(rec)
			got := want{rec.Code, rec.Header().Get("Content-Type"), rec.Body.String()}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
