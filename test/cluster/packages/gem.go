package packages

import (
	"bytes"
	"crypto/md5" //nolint:gosec // the compact index names its files by it
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func gemPackages() []Package {
	return []Package{
		{Name: "lambkin-words", Version: "1.0.0", Files: map[string]string{"lib/lambkin/words.rb": "module Lambkin\n  HELLO = 'Hello'\nend\n"}},
		{Name: "lambkin-greeting", Version: "1.2.0", Requires: []string{"lambkin-words"}, Files: map[string]string{
			"lib/lambkin/greeting.rb": "require 'lambkin/words'\n\nmodule Lambkin\n  def self.greet(name) = \"#{HELLO}, #{name}\"\nend\n",
		}},
	}
}

// gems gives a gem server that has the compact index, which bundler and gem read.
func gems(pkgs []Package) (map[string][]byte, error) {
	tree := map[string][]byte{}
	var versions, names bytes.Buffer
	versions.WriteString("created_at: 1980-01-01T00:00:00Z\n---\n")
	names.WriteString("---\n")
	for _, p := range pkgs {
		gem, err := gem(p)
		if err != nil {
			return nil, fmt.Errorf("gem %q: %w", p.Name, err)
		}
		tree["gems/"+p.Name+"-"+p.Version+".gem"] = gem
		needs := make([]string, len(p.Requires))
		for i, other := range p.Requires {
			needs[i] = other + ":>= 0"
		}
		sum := sha256.Sum256(gem)
		info := fmt.Sprintf("---\n%s %s|checksum:%s,ruby:>= 2.7\n", p.Version, strings.Join(needs, ","), hex.EncodeToString(sum[:]))
		tree["info/"+p.Name] = []byte(info)
		infoSum := md5.Sum([]byte(info)) //nolint:gosec // see the import
		fmt.Fprintf(&versions, "%s %s %s\n", p.Name, p.Version, hex.EncodeToString(infoSum[:]))
		fmt.Fprintln(&names, p.Name)
	}
	tree["versions"], tree["names"] = versions.Bytes(), names.Bytes()
	return tree, nil
}

// gem gives a gem's content: an archive of its description, its files and their checksums.
func gem(p Package) ([]byte, error) {
	var content []file
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		content = append(content, file{name, []byte(p.Files[name])})
	}
	data, err := tarball(content)
	if err != nil {
		return nil, err
	}
	parts := []file{{"metadata.gz", []byte(gemspec(p))}, {"data.tar.gz", data}}
	var checksums bytes.Buffer
	checksums.WriteString("---\nSHA256:\n")
	for i := range parts {
		if parts[i].data, err = stored(parts[i].data); err != nil {
			return nil, err
		}
		sum := sha256.Sum256(parts[i].data)
		fmt.Fprintf(&checksums, "  %s: %s\n", parts[i].name, hex.EncodeToString(sum[:]))
	}
	sums, err := stored(checksums.Bytes())
	if err != nil {
		return nil, err
	}
	return tarball(append(parts, file{"checksums.yaml.gz", sums}))
}

const anyRequirement = `!ruby/object:Gem::Requirement
  requirements:
  - - ">="
    - !ruby/object:Gem::Version
      version: '0'
`

func gemspec(p Package) string {
	var b strings.Builder
	fmt.Fprintf(&b, "--- !ruby/object:Gem::Specification\nname: %s\nversion: !ruby/object:Gem::Version\n  version: %s\n", p.Name, p.Version)
	b.WriteString("platform: ruby\nauthors: [Lambkin]\nbindir: bin\ncert_chain: []\ndate: 1980-01-01 00:00:00.000000000 Z\n")
	b.WriteString("summary: A package for tests\nexecutables: []\nextensions: []\nextra_rdoc_files: []\nlicenses: [Apache-2.0]\nmetadata: {}\n")
	b.WriteString("rdoc_options: []\nrequire_paths: [lib]\nrequirements: []\nrubygems_version: 3.3.15\nspecification_version: 4\ntest_files: []\n")
	b.WriteString("required_ruby_version: " + anyRequirement + "required_rubygems_version: " + anyRequirement)
	b.WriteString("dependencies:" + list(len(p.Requires)))
	for _, name := range p.Requires {
		requirement := strings.ReplaceAll(strings.TrimSuffix(anyRequirement, "\n"), "\n", "\n  ")
		fmt.Fprintf(&b, "- !ruby/object:Gem::Dependency\n  name: %s\n  type: :runtime\n  prerelease: false\n  requirement: %s\n", name, requirement)
	}
	b.WriteString("files:" + list(len(p.Files)))
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		b.WriteString("- " + name + "\n")
	}
	return b.String()
}

// list begins a YAML list of n things.
func list(n int) string {
	if n == 0 {
		return " []\n"
	}
	return "\n"
}
