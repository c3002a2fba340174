/// How much of a usage row one user of the resource has; nobody checks that they come to the whole.
struct UserUsage: Identified {
    var id: ID
    var row: ID
    var username: String
    var usage: Decimal10
    var created: Moment
    var modified: Moment
}

extension WaldurModel {
    /// `set_user_usage`. Of a user who has a figure only that is replaced, and Waldur fails where a
    /// call does not name it.
    mutating func setUserUsage(
        of row: UsageRow,
        username: String,
        usage: Decimal10?
    ) throws(Refusal) {
        let now = stamp()
        let known = userUsages.rows.first { $0.row == row.id && $0.username == username }
        if let known {
            guard let usage else { throw .server("KeyError: 'usage'") }
            userUsages.update(known.id) {
                $0.usage = usage
                $0.modified = now
            }
        } else {
            userUsages.insert(
                UserUsage(
                    id: ID(),
                    row: row.id,
                    username: username,
                    usage: usage ?? .zero,
                    created: now,
                    modified: now
                )
            )
        }
    }
}
