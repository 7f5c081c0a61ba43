import './base.css';
import './panel.css';
import './dialog.css';
import './editor.css';
import './logs.css';
