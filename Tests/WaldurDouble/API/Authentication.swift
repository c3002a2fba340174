extension WaldurModel {
    /// The user of a request's token, whose idle time starts anew.
    ///
    /// The query parameter `x-auth-token` counts only when there is no header at all.
    mutating func authenticate(_ request: APIRequest, at now: Moment) throws(Refusal) -> User {
        let header =
            request.authorization ?? request.query.last { $0.name == "x-auth-token" }?.value ?? ""
        let words = header.split(separator: " ")
        guard words.first?.lowercased() == "token" else {
            throw .unauthenticated("Authentication credentials were not provided.")
        }
        guard words.count == 2 else {
            throw .unauthenticated(
                words.count == 1
                    ? "Invalid token. No credentials provided."
                    : "Invalid token. Token string should not contain spaces."
            )
        }
        guard let user = users.rows.first(where: { $0.token == words[1] }) else {
            throw .unauthenticated("Invalid token.")
        }
        guard user.isActive else { throw .unauthenticated("User inactive or deleted.") }
        if let lifetime = user.tokenLifetime, user.tokenUsed.advanced(bySeconds: lifetime) < now {
            throw .unauthenticated("Token has expired.")
        }
        users.update(user.id) { $0.tokenUsed = now }
        return user
    }
}
