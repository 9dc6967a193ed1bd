package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What is in images and programs is told in SPDX, https://spdx.github.io/spdx-spec/v2.3/. It says what the Go toolchain
// wrote into the programs: every module that is linked in, with its version. Licenses are not looked for, and so are
// not asserted.

// spdxMediaType is the form of a list of contents (SBOM).
const spdxMediaType = "application/spdx+json"

const noAssertion = "NOASSERTION"

type spdxDocument struct {
	Version       string             `json:"spdxVersion"`
	DataLicense   string             `json:"dataLicense"`
	ID            string             `json:"SPDXID"`
	Name          string             `json:"name"`
	Namespace     string             `json:"documentNamespace"`
	Creation      spdxCreation       `json:"creationInfo"`
	Packages      []spdxPackage      `json:"packages"`
	Relationships []spdxRelationship `json:"relationships"`
}

type spdxCreation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	ID               string          `json:"SPDXID"`
	Name             string          `json:"name"`
	Version          string          `json:"versionInfo,omitempty"`
	Purpose          string          `json:"primaryPackagePurpose,omitempty"`
	DownloadLocation string          `json:"downloadLocation"`
	FilesAnalyzed    bool            `json:"filesAnalyzed"`
	LicenseConcluded string          `json:"licenseConcluded"`
	LicenseDeclared  string          `json:"licenseDeclared"`
	Copyright        string          `json:"copyrightText"`
	Checksums        []spdxChecksum  `json:"checksums,omitempty"`
	References       []spdxReference `json:"externalRefs,omitempty"`
	Comment          string          `json:"comment,omitempty"`
}

type spdxChecksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type spdxReference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type spdxRelationship struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

// binary is a program of a release.
type binary struct{ name, file string }

// bom collects what is in something that is released.
type bom struct {
	document spdxDocument
	modules  map[string]spdxPackage // by id
	links    []spdxRelationship
}

// newBOM begins with the thing itself, whose digest is a SHA-256 in hex.
func newBOM(name, version, purpose, digest string, created time.Time) *bom {
	if created.IsZero() {
		created = time.Unix(0, 0).UTC()
	}
	root := ours("SPDXRef-Root", name, version, purpose, digest)
	return &bom{
		document: spdxDocument{
			Version: "SPDX-2.3", DataLicense: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: name + "-" + version,
			Namespace: "https://lambkin.dev/spdx/" + name + "-" + version + "-" + digest,
			Creation:  spdxCreation{Created: created.Format(time.RFC3339), Creators: []string{"Organization: Lambkin", "Tool: lambkin-release"}},
			Packages:  []spdxPackage{root},
		},
		modules: map[string]spdxPackage{},
		links:   []spdxRelationship{{From: "SPDXRef-DOCUMENT", Type: "DESCRIBES", To: root.ID}},
	}
}

// ours is a package that we made.
func ours(id, name, version, purpose, digest string) spdxPackage {
	return spdxPackage{
		ID: id, Name: name, Version: version, Purpose: purpose, DownloadLocation: noAssertion,
		LicenseConcluded: noAssertion, LicenseDeclared: "Apache-2.0", Copyright: noAssertion,
		Checksums: []spdxChecksum{{Algorithm: "SHA256", Value: digest}},
	}
}

// add adds a program, in or beside what the list is about, and the modules in it.
func (b *bom) add(bin binary, version string) error {
	digest, err := digestOf(bin.file)
	if err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(bin.file)
	if err != nil {
		return fmt.Errorf("read the modules of %s: %w", bin.name, err)
	}
	id := "SPDXRef-Program-" + strconv.Itoa(len(b.document.Packages))
	program := ours(id, bin.name, version, "APPLICATION", digest)
	program.References = []spdxReference{purl(info.Main.Path, version)}
	b.document.Packages = append(b.document.Packages, program)
	b.link("SPDXRef-Root", "CONTAINS", id)
	b.depend(id, "stdlib", strings.TrimPrefix(info.GoVersion, "go"), "")
	for _, module := range info.Deps {
		module = replaced(module)
		b.depend(id, module.Path, module.Version, module.Sum)
	}
	return nil
}

// addFile adds a file that is none of our programs.
func (b *bom) addFile(name, file, comment string) error {
	digest, err := digestOf(file)
	if err != nil {
		return err
	}
	data := ours("SPDXRef-File-"+strconv.Itoa(len(b.document.Packages)), name, "", "FILE", digest)
	data.LicenseDeclared, data.Comment = noAssertion, comment
	b.document.Packages = append(b.document.Packages, data)
	b.link("SPDXRef-Root", "CONTAINS", data.ID)
	return nil
}

// depend notes that a program has a module in it.
func (b *bom) depend(program, path, version, sum string) {
	id := "SPDXRef-Go-" + identifier(path) + "-" + identifier(version)
	module := spdxPackage{
		ID: id, Name: path, Version: version, Purpose: "LIBRARY", DownloadLocation: noAssertion,
		LicenseConcluded: noAssertion, LicenseDeclared: noAssertion, Copyright: noAssertion,
		References: []spdxReference{purl(path, version)},
	}
	if sum != "" {
		module.Comment = "go.sum " + sum
	}
	b.modules[id] = module
	b.link(program, "DEPENDS_ON", id)
}

func (b *bom) link(from, kind, to string) {
	b.links = append(b.links, spdxRelationship{From: from, Type: kind, To: to})
}

// json is the finished document.
func (b *bom) json() ([]byte, error) {
	d := b.document
	for _, id := range slices.Sorted(maps.Keys(b.modules)) {
		d.Packages = append(d.Packages, b.modules[id])
	}
	d.Relationships = b.links
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the contents of %s: %w", d.Name, err)
	}
	return append(text, '\n'), nil
}

// replaced is the module that is really there.
func replaced(m *debug.Module) *debug.Module {
	if m.Replace != nil {
		return m.Replace
	}
	return m
}

// purl names a Go module as https://github.com/package-url/purl-spec has it.
func purl(path, version string) spdxReference {
	version = strings.ReplaceAll(version, "+", "%2B")
	return spdxReference{Category: "PACKAGE-MANAGER", Type: "purl", Locator: "pkg:golang/" + path + "@" + version}
}

// identifier leaves only what SPDX allows in ids. Letters of other characters keep names apart.
func identifier(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		default:
			return '-'
		}
	}, text)
}

// imageBOM is what is in an image.
func (r *release) imageBOM(work string, i recipe, digest string) ([]byte, error) {
	b := newBOM(i.name, r.version, "CONTAINER", strings.TrimPrefix(digest, "sha256:"), r.created(i))
	for _, arch := range r.architectures {
		if err := b.add(binary{name: i.program() + " (linux/" + arch + ")", file: r.binary(work, i, arch)}, r.version); err != nil {
			return nil, err
		}
	}
	if i.system {
		place := filepath.Join(work, "system", certificatesPlace)
		if err := b.addFile("ca-certificates.crt", place, "Certificate authorities of the machine that made the release."); err != nil {
			return nil, err
		}
	}
	return b.json()
}
