package packages

import (
	"crypto/sha1" //nolint:gosec // npm's indexes have it beside the real checksum
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

func npmPackages() []Package {
	return []Package{
		{Name: "lambkin-words", Version: "1.0.0", Files: map[string]string{
			"index.js": "module.exports = { hello: 'Hello' }\n",
		}},
		{Name: "lambkin-greeting", Version: "1.2.0", Requires: []string{"lambkin-words"}, Files: map[string]string{
			"index.js": "const { hello } = require('lambkin-words')\nmodule.exports = name => `${hello}, ${name}`\n",
		}},
	}
}

// npm gives an npm registry: /NAME says what there is, /-/NAME-VERSION.tgz is it.
func npm(base string, pkgs []Package) (map[string][]byte, error) {
	tree := map[string][]byte{}
	for _, p := range pkgs {
		about := map[string]any{"name": p.Name, "version": p.Version, "main": "index.js", "dependencies": anyVersion(p.Requires)}
		archive, err := npmArchive(p, about)
		if err != nil {
			return nil, fmt.Errorf("package %q: %w", p.Name, err)
		}
		path := "-/" + p.Name + "-" + p.Version + ".tgz"
		tree[path] = archive
		sum, old := sha512.Sum512(archive), sha1.Sum(archive) //nolint:gosec // see the import
		about["dist"] = map[string]string{
			"tarball": base + "/" + path, "integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:]), "shasum": hex.EncodeToString(old[:]),
		}
		index, err := json.Marshal(map[string]any{
			"name": p.Name, "dist-tags": map[string]string{"latest": p.Version}, "versions": map[string]any{p.Version: about},
		})
		if err != nil {
			return nil, fmt.Errorf("package %q: %w", p.Name, err)
		}
		tree[p.Name] = index
	}
	return tree, nil
}

func npmArchive(p Package, about map[string]any) ([]byte, error) {
	packageJSON, err := json.Marshal(about)
	if err != nil {
		return nil, fmt.Errorf("package.json: %w", err)
	}
	files := []file{{"package/package.json", packageJSON}}
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		files = append(files, file{"package/" + name, []byte(p.Files[name])})
	}
	archive, err := tarball(files)
	if err != nil {
		return nil, err
	}
	return stored(archive)
}

func anyVersion(names []string) map[string]string {
	versions := map[string]string{}
	for _, name := range names {
		versions[name] = "*"
	}
	return versions
}
