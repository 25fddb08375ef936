// Small files that say who holds a guest's channel open, so that another program can name the holder.
//
// A courtesy between programs of one host: anybody may write there, so a note is shown and never believed. Must not know
// libvirt. All failures are silent: a missing note costs a name in a message.
#pragma once

#include <string>

namespace consent {

class HolderNotes {
  public:
    /// `folder` is made with mode 1777 when it is missing. `holder`: one line, whom to name.
    HolderNotes(std::string folder, std::string holder);

    void write(const std::string& guest) const;
    void remove(const std::string& guest) const;
    /// "pid 123 (nova-compute)" when a note stands there whose process runs; else empty. Cleaned, at most 100 characters.
    [[nodiscard]] std::string read(const std::string& guest) const;

    /// Who to name for a worker: the process that started it.
    [[nodiscard]] static std::string parent_process();

  private:
    [[nodiscard]] std::string path(const std::string& guest) const { return folder_ + '/' + guest; }
    std::string folder_;
    std::string holder_;
};

}  // namespace consent
