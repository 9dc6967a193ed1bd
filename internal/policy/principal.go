package policy

import (
	"slices"
	"strings"
)

// has reports whether the one who asks is among the principals. With whole an account stands for everybody in it,
// otherwise inside of its own account for the root alone.
func (ps *Principals) has(v view, whole bool) bool {
	if ps.Anybody || (v.Principal.Service != "" && slices.Contains(ps.Service, v.Principal.Service)) {
		return true
	}
	return slices.ContainsFunc(ps.AWS, func(text string) bool {
		if text == "*" {
			return true
		}
		if account := accountOf(text); account != "" {
			whole := whole || account != part4(v.Resource) || v.Principal.ARN == rootARN(v.Principal)
			return whole && account == v.Principal.Account
		}
		return v.Principal.ARN != "" && (text == v.Principal.ARN || isSessionOf(v.Principal.ARN, text))
	})
}

// accountOf is the account that a principal names as a whole: by its number or by the ARN of its root.
func accountOf(text string) string {
	if accountForm.MatchString(text) {
		return text
	}
	if strings.HasSuffix(text, ":root") {
		return part4(text)
	}
	return ""
}

// part4 is the account of an ARN.
func part4(arn string) string {
	parts := strings.SplitN(arn, ":", arnParts)
	if len(parts) != arnParts {
		return ""
	}
	return parts[4]
}

// rootARN is the ARN of the root of a principal's account, in the partition of the principal.
func rootARN(p Principal) string {
	partition, _, _ := strings.Cut(strings.TrimPrefix(p.ARN, "arn:"), ":")
	return "arn:" + partition + ":iam::" + p.Account + ":root"
}

// isSessionOf reports whether an ARN is that of a session of a role.
func isSessionOf(session, role string) bool {
	s, r := strings.SplitN(session, ":", arnParts), strings.SplitN(role, ":", arnParts)
	if len(s) != arnParts || len(r) != arnParts || s[1] != r[1] || s[2] != "sts" || r[2] != "iam" || s[4] != r[4] {
		return false
	}
	name, ok := strings.CutPrefix(s[5], "assumed-role/")
	path, isRole := strings.CutPrefix(r[5], "role/")
	name, _, named := strings.Cut(name, "/")
	return ok && isRole && named && name == path[strings.LastIndex(path, "/")+1:]
}
