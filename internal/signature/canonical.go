package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// scope is what a signing key is for.
func (c *claim) scope() string {
	return c.date + "/" + c.region + "/" + c.service + "/" + terminator
}

// key derives the key that signs in the scope.
func (c *claim) key(secret string) []byte {
	k := mac([]byte("AWS4"+secret), c.date)
	for _, part := range []string{c.region, c.service, terminator} {
		k = mac(k, part)
	}
	return k
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// sign gives the signature of a request whose payload has this digest, or this word in its place. The path is as it stands in
// the request line.
func (c *claim) sign(r *http.Request, key []byte, path, payload string) (string, error) {
	text, err := c.canonical(r, path, payload)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(mac(key, Algorithm+"\n"+c.time.Format(timeForm)+"\n"+c.scope()+"\n"+digest(text))), nil
}

// canonical is the form of a request that is signed.
func (c *claim) canonical(r *http.Request, path, payload string) (string, error) {
	_, rawQuery := target(r)
	query, err := canonicalQuery(rawQuery)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(r.Method + "\n" + canonicalPath(path) + "\n" + query + "\n")
	for _, name := range c.headers {
		values, err := headerValues(r, name)
		if err != nil {
			return "", err
		}
		b.WriteString(name + ":" + values + "\n")
	}
	b.WriteString("\n" + strings.Join(c.headers, ";") + "\n" + payload)
	return b.String(), nil
}

// target is what stands in the request line, before anybody took a prefix off the path.
func target(r *http.Request) (path, query string) {
	if uri := r.RequestURI; strings.HasPrefix(uri, "/") {
		path, query, _ = strings.Cut(uri, "?")
		return path, query
	}
	return r.URL.EscapedPath(), r.URL.RawQuery
}

// strictPath is the path as clients escape it, whatever a proxy on the way made of that: some put back a colon where %3A was.
// Its parts stay the same.
func strictPath(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if plain, err := url.PathUnescape(part); err == nil {
			parts[i] = escape(plain, false)
		}
	}
	return strings.Join(parts, "/")
}

// canonicalPath escapes the path as it stands on the wire once more, as all services but S3 have it.
func canonicalPath(path string) string {
	if path == "" {
		return "/"
	}
	return escape(path, true)
}

// canonicalQuery sorts the parameters by name and value, escaped in AWS's way; the signature itself is none of them.
func canonicalQuery(raw string) (string, error) {
	if raw == "" {
		return "", nil
	}
	var pairs []string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || strings.Contains(part, ";") {
			return "", incomplete("The query cannot be read.")
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return "", incomplete("The query cannot be read.")
		}
		if name != querySignature {
			// Names sort before what begins with them, whatever the values: = is below every escaped character but % and some marks.
			pairs = append(pairs, escape(name, false)+"\x00"+escape(value, false))
		}
	}
	slices.Sort(pairs)
	return strings.ReplaceAll(strings.Join(pairs, "&"), "\x00", "="), nil
}

// headerValues is the value of a signed header; every one that is named must be there.
func headerValues(r *http.Request, name string) (string, error) {
	switch name {
	case "host":
		return r.Host, nil
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10), nil
	case "transfer-encoding":
		return strings.Join(r.TransferEncoding, ","), nil
	}
	values := r.Header[http.CanonicalHeaderKey(name)]
	if len(values) == 0 {
		return "", invalid("The signed header '%s' is not in the request.", printable(name))
	}
	stripped := make([]string, len(values))
	for i, v := range values {
		stripped[i] = strings.Join(strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == '\t' }), " ")
	}
	return strings.Join(stripped, ","), nil
}

// escape is AWS's form of percent encoding: all but letters, digits and -._~ and, in paths, slashes.
func escape(s string, slash bool) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = unreserved(s[i]) || slash && s[i] == '/'
	}
	if plain {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; unreserved(c) || slash && c == '/' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}
