internal import ArgumentParser
internal import Glibc

/// For verbs that change what cannot be changed back: a person at a terminal is asked, a script says so.
struct ConfirmationOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Do not ask: for scripts.")
    var yes = false

    /// Asks and returns when the answer is yes.
    ///
    /// - Parameters:
    ///   - consequence: What will be so afterwards, as a sentence.
    ///   - word: What the person has to type instead of `y`, where a habit must not be enough.
    /// - Throws: ``CommandFailure`` when the answer is anything else, or nobody is there to ask. Nothing has
    ///   been done then.
    func confirm(_ consequence: String, typing word: String? = nil) throws(CommandFailure) {
        if yes { return }
        guard Terminal.canAsk else {
            throw CommandFailure(
                .precondition,
                "nothing was done: this must be confirmed, and stdin is no terminal",
                detail: consequence,
                next: "add --yes if that is what you want"
            )
        }
        Terminal.talk(TextWidth.printable(consequence))
        Terminal.prompt(word.map { "Type \($0) to go on: " } ?? "Go on? [y/N] ")
        let answer = readLine() ?? ""
        let isYes = word.map { answer == $0 } ?? ["y", "yes"].contains(answer.lowercased())
        guard isYes else { throw CommandFailure(.failed, "nothing was done") }
    }
}
