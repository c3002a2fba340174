internal import ArgumentParser

/// For every verb that changes something: what it would do, without doing it.
struct DryRunOption: ParsableArguments {
    @Flag(help: "Check everything, show what would be, and change nothing.")
    var dryRun = false

    /// For the request's body.
    var member: (String, String?) { ("dryRun", dryRun ? "true" : nil) }

    /// For the query of a request without a body.
    var query: [(String, String)] { dryRun ? [("dryRun", "true")] : [] }

    /// Asks as ``ConfirmationOptions/confirm(_:typing:)`` does, where something is going to be changed.
    func confirm(
        _ confirmation: ConfirmationOptions,
        _ consequence: String,
        typing word: String? = nil
    ) throws(CommandFailure) {
        if !dryRun { try confirmation.confirm(consequence, typing: word) }
    }

    /// Says at the end that nothing was changed.
    func remark() {
        if dryRun { Terminal.talk("a dry run: nothing was changed") }
    }

    /// `keys are made`, or that they would be.
    func said(_ done: String, instead: String) -> String { dryRun ? instead : done }
}
