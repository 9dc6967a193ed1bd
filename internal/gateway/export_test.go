package gateway

// Operations gives name, method and path of every operation, for tests that try them all.
func Operations() [][3]string {
	var all [][3]string
	for _, op := range operations() {
		path := op.path
		if op.query != "" {
			path += "?" + op.query
		}
		all = append(all, [3]string{op.name, op.method, path})
	}
	return all
}
