/// Finds the name that somebody probably meant.
package enum NearestName {
    /// The known name with the fewest single-character edits, if it is near enough to be a typing error.
    ///
    /// Costs at most 64 × 64 steps for each known name. Nil where the name itself is known: then nothing
    /// was mistyped.
    package static func of(_ name: String, among known: some Sequence<String>) -> String? {
        let limit = max(2, name.count / 3)
        var best: (name: String, edits: Int)?
        for other in known {
            if other == name { return nil }
            let edits = edits(name, other)
            guard edits <= limit else { continue }
            if let best, (best.edits, best.name) <= (edits, other) { continue }
            best = (other, edits)
        }
        return best?.name
    }

    /// Levenshtein distance; names are cut at 64 characters, so the cost is bounded.
    package static func edits(_ first: String, _ second: String) -> Int {
        let left = Array(first.lowercased().prefix(64))
        let right = Array(second.lowercased().prefix(64))
        var row = Array(0...right.count)
        for (i, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let replaced = diagonal + (character == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, diagonal + 1, row[j] + 1)
            }
        }
        return row[right.count]
    }
}
