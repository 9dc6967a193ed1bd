package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	downloadPath = "/_download/"
	// downloadTime is how long an address for download is good, as on AWS.
	downloadTime = 10 * time.Minute
)

// codeLocation is FunctionCodeLocation.
type codeLocation struct {
	RepositoryType   string `json:",omitempty"`
	Location         string `json:",omitempty"`
	ImageUri         string `json:",omitempty"`
	ResolvedImageUri string `json:",omitempty"`
}

// location is where tools get a snapshot's code.
func (g *gateway) location(r *http.Request, s snapshot) codeLocation {
	switch code := s.spec.Code; {
	case code.Image != nil:
		return codeLocation{RepositoryType: "ECR", ImageUri: code.Image.URI, ResolvedImageUri: code.Image.URI}
	case code.URL != nil:
		return codeLocation{RepositoryType: "S3", Location: code.URL.Location}
	default:
		return codeLocation{RepositoryType: "S3", Location: g.downloadURL(r, code.Zip)}
	}
}

// ticket is what the address of a download says: which bytes, and until when.
type ticket struct {
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
	Expires int64  `json:"expires"`
}

// downloadURL is an address that gives stored bytes for a while to whoever knows it, and cannot be guessed.
func (g *gateway) downloadURL(r *http.Request, b *v1alpha1.Blob) string {
	if b == nil {
		return ""
	}
	text, err := json.Marshal(ticket{SHA256: b.SHA256, Size: b.Size, Expires: g.Clock().Add(downloadTime).Unix()})
	if err != nil {
		return "" // a struct of texts and numbers always has a JSON form
	}
	body := base64.RawURLEncoding.EncodeToString(text)
	return g.base(r) + downloadPath + body + "." + g.sign(body)
}

func (g *gateway) sign(text string) string {
	mac := hmac.New(sha256.New, g.DownloadKey)
	_, _ = mac.Write([]byte(text)) // a hash takes every write
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// readTicket checks the last part of a download's address.
func (g *gateway) readTicket(token string) (ticket, error) {
	var t ticket
	body, signature, _ := strings.Cut(token, ".")
	if !hmac.Equal([]byte(signature), []byte(g.sign(body))) {
		return t, lambda.Errorf(lambda.CodeAccessDenied, "This address was not made here. Call GetFunction for a new one.")
	}
	text, err := base64.RawURLEncoding.DecodeString(body)
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil || g.Clock().Unix() >= t.Expires {
		return t, lambda.Errorf(lambda.CodeAccessDenied, "This address has expired. Call GetFunction for a new one.")
	}
	return t, nil
}

// download gives stored code to whoever has an address for it.
func (g *gateway) download(w http.ResponseWriter, r *http.Request) {
	t, err := g.readTicket(mux.Vars(r)["Token"])
	if err != nil {
		awshttp.WriteError(w, err)
		return
	}
	code, err := g.engine.OpenCode(r.Context(), v1alpha1.Blob{SHA256: t.SHA256, Size: t.Size})
	if err != nil {
		awshttp.WriteError(w, err)
		return
	}
	defer func() { _ = code.Close() }() // it was only read
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Length", strconv.FormatInt(t.Size, 10))
	if r.Method == http.MethodHead {
		return
	}
	if _, err := io.CopyN(w, code, t.Size); err != nil {
		g.Logger.WarnContext(r.Context(), "a download ended early", "requestId", awshttp.RequestID(w), "error", err)
		panic(http.ErrAbortHandler) // half a reply must not look like a whole one
	}
}
