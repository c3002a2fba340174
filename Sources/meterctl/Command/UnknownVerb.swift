internal import ArgumentParser
internal import Meter

/// A word on the command line that stands where a verb should and is none.
struct UnknownVerb: Error, Equatable, CustomStringConvertible {
    /// `meterctl keys`.
    let path: String
    let word: String
    let known: [String]

    /// The first such word; nil where every verb is one.
    ///
    /// - Parameter arguments: Without the program's name.
    static func find(_ arguments: [String], below root: any ParsableCommand.Type) -> UnknownVerb? {
        var command = root
        var path = root._commandName
        // `meterctl help keys` asks of keys.
        for word in arguments.first == "help" ? arguments.dropFirst() : arguments[...] {
            let children = command.configuration.subcommands
            guard !children.isEmpty, !word.hasPrefix("-") else { return nil }
            guard let child = children.first(where: { $0._commandName == word }) else {
                return UnknownVerb(path: path, word: word, known: children.map { $0._commandName })
            }
            command = child
            path += " " + word
        }
        return nil
    }

    var description: String {
        var text = "meterctl: there is no verb \(TextWidth.printable(word))"
        if let near = NearestName.of(word, among: known) {
            text += "\nnext: did you mean \(path) \(near)?"
        } else {
            text += "\nnext: \(path) has " + known.joined(separator: ", ")
        }
        return text
    }
}
